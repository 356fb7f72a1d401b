/**
 * What the thread of the journal runs, as text: a bundler can neither lose nor rename it.
 */

/** A file in place of another; without a temporary name, a file that goes. */
export type Job = readonly [directory: string, file: string, temp: string, text: string, synced: boolean]

/** Nothing when it is done, true when the directory is a symbolic link, otherwise why not. */
export type Failure = null | true | { readonly code?: string; readonly message: string; readonly syscall?: string }

/** `slot` is the number that the job was sent with, before what it is. */
export type Answer = readonly [slot: number, failure: Failure]

/**
 * Takes arrays of jobs and gives arrays of answers, in any order. The jobs of one file are done one after the other. What has to
 * reach the disk is left to the threads of libuv, so that nothing else waits for it, and a directory is synced once for all records that have
 * got their names before; the rest is done at once.
 */
export const code = `"use strict"
const fs = require("node:fs")
const { parentPort } = require("node:worker_threads")

const why = ({ code, message, syscall }) => ({ code, message, syscall })

const attempt = (work) => {
  try {
    work()
    return null
  } catch (error) {
    return why(error)
  }
}

const isLink = (directory) => {
  try {
    return fs.lstatSync(directory).isSymbolicLink()
  } catch {
    return false
  }
}

let answers = []
const post = () => {
  parentPort.postMessage(answers)
  answers = []
}

/** The files that are being worked on, each with what comes after. */
const files = new Map()
const end = ([id, , file], failed) => {
  if (answers.push([id, failed]) === 1) setImmediate(post)
  const next = files.get(file).shift()
  if (next === undefined) files.delete(file)
  else next()
}

const sync = (directory, group) => {
  let handle
  const next = []
  const done = () => {
    if (handle !== undefined) attempt(() => fs.closeSync(handle))
    for (const job of group) end(job, null)
    if (next.length === 0) directories.delete(directory)
    else sync(directory, next)
  }
  directories.set(directory, next)
  attempt(() => {
    handle = fs.openSync(directory, "r")
  })
  if (handle === undefined) done()
  else fs.fsync(handle, done)
}

/** The directories that are being synced, each with the jobs for the next time. */
const directories = new Map()
const named = (job) => {
  const [, directory] = job
  const group = directories.get(directory)
  if (group === undefined) sync(directory, [job])
  else group.push(job)
}

const replace = (job) => {
  const [, , file, temp, text, synced] = job
  const options = { flag: "wx", mode: 0o600, flush: synced }
  const written = (error) => {
    const isThere = error === null || error.syscall !== "open"
    const failed = error === null ? attempt(() => fs.renameSync(temp, file)) : why(error)
    if (failed !== null && isThere) attempt(() => fs.unlinkSync(temp))
    if (failed === null && synced) named(job)
    else end(job, failed)
  }
  if (synced) fs.writeFile(temp, text, options, written)
  else written(attempt(() => fs.writeFileSync(temp, text, options)))
}

const remove = (job) => {
  const [, , file, , , synced] = job
  if (synced) fs.unlink(file, (error) => end(job, error && why(error)))
  else end(job, attempt(() => fs.unlinkSync(file)))
}

parentPort.on("message", (jobs) => {
  const links = new Map()
  for (const job of jobs) {
    const [, directory, file, temp] = job
    if (!links.has(directory)) links.set(directory, isLink(directory))
    const work = links.get(directory) ? () => end(job, true) : () => temp === "" ? remove(job) : replace(job)
    const after = files.get(file)
    if (after !== undefined) after.push(work)
    else {
      files.set(file, [])
      work()
    }
  }
})
`
