/**
 * The suites of the journal run over the thread of Node once this module is imported. Faults strike where the thread calls its `fs`, which
 * waits each time until the test has said whether it fails.
 */
import "./journalOnNode.js"
import * as Effect from "effect/Effect"
import { MessageChannel, Worker } from "node:worker_threads"
import { layerFiles } from "../../../src/node/internal/journalDisk.js"
import { code } from "../../../src/node/internal/journalThreadCode.js"
import { current, type Step } from "../../lifecycle/support/journal.js"

const faults = `{
  const fs = require("node:fs")
  const { receiveMessageOnPort, workerData: { port, signal } } = require("node:worker_threads")
  const { openSync, writeFileSync, closeSync, renameSync, fsync, fdatasync } = fs
  const directories = new Set()
  const strike = (step) => {
    Atomics.store(signal, 0, 0)
    port.postMessage(step)
    // A late notice of the step before may wake this one.
    while (Atomics.load(signal, 0) === 0) Atomics.wait(signal, 0, 0)
    const { message } = receiveMessageOnPort(port)
    return message === null ? undefined : Object.assign(new Error(message), { syscall: step })
  }
  const strikeNow = (step) => {
    const error = strike(step)
    if (error !== undefined) throw error
  }
  fs.openSync = (file, flag, mode) => {
    strikeNow(flag === "r" ? "open directory" : "open")
    const handle = openSync(file, flag, mode)
    if (flag === "r") directories.add(handle)
    return handle
  }
  fs.writeFileSync = (handle, data) => {
    strikeNow("write")
    writeFileSync(handle, data)
  }
  const syncing = (real) => (handle, done) => {
    const error = strike(directories.has(handle) ? "sync directory" : "sync")
    if (error === undefined) return real(handle, done)
    setImmediate(done, error)
  }
  fs.fsync = syncing(fsync)
  fs.fdatasync = syncing(fdatasync)
  fs.closeSync = (handle) => {
    directories.delete(handle)
    closeSync(handle)
    strikeNow("close")
  }
  fs.renameSync = (from, to) => {
    strikeNow("rename")
    renameSync(from, to)
  }
}
`

const onNode = current.disturbed
let fault: { readonly fails: (step: Step) => string | undefined; readonly saw: (step: Step) => void } | undefined

/** The thread of the journal, with faults. */
export const start = (): Worker => {
  const { port1, port2 } = new MessageChannel()
  const signal = new Int32Array(new SharedArrayBuffer(4))
  port1.on("message", (step: Step) => {
    fault?.saw(step)
    port1.postMessage(fault?.fails(step) ?? null)
    Atomics.store(signal, 0, 1)
    Atomics.notify(signal, 0)
  })
  port1.unref()
  const worker = new Worker(faults + code, {
    eval: true,
    execArgv: [],
    env: {},
    workerData: { port: port2, signal },
    transferList: [port2]
  })
  return worker.on("exit", () => port1.close())
}

current.name = "thread"
current.layerFiles = (options) => layerFiles({ ...options, crowd: 0, start })
current.disturbed = (fails, saw = () => {}) => (effect) =>
  Effect.zipRight(
    Effect.acquireRelease(
      Effect.sync(() => {
        fault = { fails, saw }
      }),
      () =>
        Effect.sync(() => {
          fault = undefined
        })
    ),
    onNode(fails, saw)(effect)
  )
