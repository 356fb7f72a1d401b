/**
 * The process of a way: makes it, then measures it as often as it is asked to.
 */
import type { Sample, Settings, Topic, Way } from "./bench.js"

interface Start {
  readonly topic: string
  readonly way: string
  readonly settings: Settings
}

let way: Way | undefined

const start = async ({ settings, topic: file, way: name }: Start): Promise<void> => {
  const { topic }: { readonly topic: Topic } = await import(file)
  const make = topic.ways[name]
  if (make === undefined) throw new Error("there is no such way")
  way = await make(settings)
}

const measure = async (settings: Settings): Promise<Sample> => {
  if (way === undefined) throw new Error("not started")
  const begin = performance.now()
  const before = process.cpuUsage()
  const own = await way(settings)
  const { system, user } = process.cpuUsage(before)
  return { ms: performance.now() - begin, cpuMs: (user + system) / 1000, ...own }
}

process.on("message", (message: Start | { readonly settings: Settings }) => {
  const answer = "way" in message
    ? start(message).then(() => ({}))
    : measure(message.settings).then((sample) => ({ sample }))
  answer.catch((error: unknown) => ({ error: error instanceof Error ? error.stack ?? error.message : String(error) }))
    .then((answer) => process.send?.(answer))
})

// The way out, whatever is still under way: its profile, if one is taken, is written.
process.on("disconnect", () => process.exit())
