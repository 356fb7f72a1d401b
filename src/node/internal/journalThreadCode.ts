/**
 * What the thread of the journal runs, as text: a bundler can neither lose nor rename it.
 */

/** A file in place of another, or with neither a temporary file nor a text one that goes. */
export type Job = readonly [directory: string, file: string, temp: string, text: string, synced: boolean]

/** Nothing when it is done, true when the directory is a symbolic link, otherwise why not. */
export type Done = null | true | { readonly code?: string; readonly message: string; readonly syscall?: string }

/**
 * Does an array of jobs at a time and answers with what became of each, in the same order. All are written before the first is renamed, so
 * that they reach the disk together, and a directory is synced once.
 */
export const code = `"use strict"
const fs = require("node:fs")
const { parentPort } = require("node:worker_threads")

const attempt = (work) => {
  try {
    work()
    return null
  } catch ({ code, message, syscall }) {
    return { code, message, syscall }
  }
}

const isLink = (directory) => {
  try {
    return fs.lstatSync(directory).isSymbolicLink()
  } catch {
    return false
  }
}

const write = (one) => {
  const [directory, file, temp, text, synced] = one.job
  if (temp === "") return
  one.failed = attempt(() => {
    one.handle = fs.openSync(temp, "wx", 0o600)
    fs.writeFileSync(one.handle, text)
  })
}

const close = (one) => {
  const { handle } = one
  if (handle === undefined) return
  if (one.failed === null && one.job[4]) one.failed = attempt(() => fs.fsyncSync(handle))
  const closed = attempt(() => fs.closeSync(handle))
  one.failed ??= closed
}

const finish = (one, touched) => {
  const [directory, file, temp, text, synced] = one.job
  if (one.failed === null) {
    one.failed = attempt(() => temp === "" ? fs.unlinkSync(file) : fs.renameSync(temp, file))
    if (one.failed === null && temp !== "" && synced) touched.add(directory)
  }
  if (one.failed !== null && one.handle !== undefined) attempt(() => fs.unlinkSync(temp))
}

const sync = (directory) => {
  attempt(() => {
    const handle = fs.openSync(directory, "r")
    attempt(() => fs.fsyncSync(handle))
    fs.closeSync(handle)
  })
}

parentPort.on("message", (jobs) => {
  const links = new Map()
  for (const [directory] of jobs) if (!links.has(directory)) links.set(directory, isLink(directory))
  const touched = new Set()
  const all = jobs.map((job) => ({ job, failed: links.get(job[0]) ? true : null, handle: undefined }))
  const open = all.filter(({ failed }) => failed === null)
  for (const one of open) write(one)
  for (const one of open) close(one)
  for (const one of open) finish(one, touched)
  for (const directory of touched) sync(directory)
  parentPort.postMessage(all.map(({ failed }) => failed))
})
`
