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
  const { openSync, writeFileSync, closeSync, renameSync, open, write, fsync, close } = fs
  const directories = new Set()
  const files = new Set()
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
  const over = (step, real) => (...args) => {
    const error = strike(step)
    if (error === undefined) return real(...args)
    setImmediate(args[args.length - 1], error)
  }
  const ofTemp = (step, real) => (...args) => (files.has(args[0]) ? over(step, real) : real)(...args)
  fs.openSync = (file, flag) => {
    strikeNow("open directory")
    const handle = openSync(file, flag)
    directories.add(handle)
    return handle
  }
  fs.closeSync = (handle) => {
    directories.delete(handle)
    closeSync(handle)
    strikeNow("close")
  }
  fs.renameSync = (from, to) => {
    strikeNow("rename")
    renameSync(from, to)
  }
  fs.writeFileSync = (file, text, options) => {
    strikeNow("open")
    Object.assign(fs, real)
    try {
      writeFileSync(file, text, options)
    } finally {
      Object.assign(fs, faulty)
    }
    strikeNow("write")
    strikeNow("close")
  }
  fs.open = (...args) => {
    const done = args.pop()
    const kept = (error, handle) => {
      if (error === null) files.add(handle)
      done(error, handle)
    }
    over("open", open)(...args, kept)
  }
  fs.write = ofTemp("write", write)
  fs.fsync = (handle, done) => over(directories.has(handle) ? "sync directory" : "sync", fsync)(handle, done)
  fs.close = (handle, done) => {
    files.delete(handle)
    close(handle, (error) => over("close", (done) => done(error))(done))
  }
  const real = { openSync, closeSync }
  const faulty = { openSync: fs.openSync, closeSync: fs.closeSync }
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
