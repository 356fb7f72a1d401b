/**
 * What the thread of the journal runs, as text: a bundler can neither lose nor rename it.
 */
import * as Spares from "./journalSparesCode.js"

/** A file in place of another; without a text, a file that goes. Nobody else makes the temporary name. */
export type Job = readonly [directory: string, file: string, temp: string, text: string, synced: boolean]

/** Nothing when it is done, true when the directory is a symbolic link, otherwise why not. */
export type Failure = null | true | { readonly code?: string; readonly message: string; readonly syscall?: string }

/** `slot` is the number that the job was sent with, before what it is. */
export type Answer = readonly [slot: number, failure: Failure]

/**
 * Takes arrays of jobs and gives arrays of answers, in any order, until null comes. The jobs of one file are done one after the other. To
 * sync is left to the threads of libuv, so that nothing else waits for the disk, and a directory is synced once for all records that have got
 * their names before; the rest is done at once.
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

${Spares.code}
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

/** The directories that are being synced, each with the jobs for the next time. */
const directories = new Map()
const sync = (directory, group) => {
  const next = []
  directories.set(directory, next)
  const synced = spares.syncing(directory)
  let handle
  const done = (error) => {
    if (handle !== undefined) attempt(() => fs.closeSync(handle))
    synced(error)
    for (const job of group) end(job, null)
    if (next.length === 0) directories.delete(directory)
    else sync(directory, next)
  }
  const failed = attempt(() => {
    handle = fs.openSync(directory, "r")
  })
  if (failed === null) fs.fsync(handle, done)
  else done(failed)
}

const named = (job) => {
  const [, directory] = job
  const group = directories.get(directory)
  if (group === undefined) sync(directory, [job])
  else group.push(job)
}

const replace = (job) => {
  const [, directory, file, temp, text, synced] = job
  let written
  const finish = (error) => {
    const closed = attempt(() => fs.closeSync(written.handle))
    const failed = error ?? closed ?? attempt(() => fs.renameSync(written.file, file))
    if (failed !== null) spares.discard(written.file)
    if (failed === null && synced) named(job)
    else end(job, failed)
  }
  const failed = attempt(() => {
    written = spares.write(directory, temp, text, synced)
  })
  if (failed !== null) end(job, failed)
  else if (synced) written.sync(written.handle, (error) => finish(error && why(error)))
  else finish(null)
}

const remove = (job) => {
  const [, directory, file, temp, , synced] = job
  end(job, attempt(() => synced ? spares.leave(directory, file, temp) : fs.unlinkSync(file)))
}

parentPort.on("message", (jobs) => {
  if (jobs === null) {
    spares.discardAll()
    process.exit()
  }
  const links = new Map()
  for (const job of jobs) {
    const [, directory, file, , text] = job
    if (!links.has(directory)) links.set(directory, isLink(directory))
    const work = links.get(directory) ? () => end(job, true) : () => text === "" ? remove(job) : replace(job)
    const after = files.get(file)
    if (after !== undefined) after.push(work)
    else {
      files.set(file, [])
      work()
    }
  }
})
`
