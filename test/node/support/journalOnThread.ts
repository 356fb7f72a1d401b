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
  const { openSync, writeFileSync, fsyncSync, closeSync, renameSync } = fs
  const directories = new Set()
  const strike = (step, go) => {
    Atomics.store(signal, 0, 0)
    port.postMessage(step)
    Atomics.wait(signal, 0, 0)
    const { message } = receiveMessageOnPort(port)
    if (message !== null) throw Object.assign(new Error(message), { syscall: step })
    return go()
  }
  fs.openSync = (file, flag, mode) => {
    const isDirectory = flag === "r"
    const handle = strike(isDirectory ? "open directory" : "open", () => openSync(file, flag, mode))
    if (isDirectory) directories.add(handle)
    return handle
  }
  fs.writeFileSync = (handle, text) => strike("write", () => writeFileSync(handle, text))
  fs.fsyncSync = (handle) => strike(directories.has(handle) ? "sync directory" : "sync", () => fsyncSync(handle))
  fs.closeSync = (handle) => {
    directories.delete(handle)
    closeSync(handle)
    strike("close", () => {})
  }
  fs.renameSync = (from, to) => strike("rename", () => renameSync(from, to))
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
