/**
 * What things cost, as ratios and as CPU: `npm run bench`, or `npm run bench -- calls journal` for some of it.
 *
 * Every way to do a thing runs in a process of its own and they take turns; figures are medians with minimum and maximum.
 */
import { cpus } from "node:os"
import { runTopic, type Topic } from "./support/bench.js"

/** A topic is the file of that name beside this one. */
const topics: Readonly<Record<string, () => Promise<{ readonly topic: Topic }>>> = {
  calls: () => import("./calls.js"),
  heartbeats: () => import("./heartbeats.js"),
  journal: () => import("./journal.js"),
  ledger: () => import("./ledger.js"),
  store: () => import("./store.js"),
  streams: () => import("./streams.js")
}

const asked = process.argv.slice(2)
const unknown = asked.find((name) => !Object.hasOwn(topics, name))
if (unknown !== undefined) {
  console.error(`There is no bench "${unknown}". There is: ${Object.keys(topics).join(", ")}.`)
  process.exit(1)
}

console.log(`Node ${process.versions.node}, ${cpus().length} cores (${cpus()[0]?.model ?? "unknown"})`)
for (const name of asked.length === 0 ? Object.keys(topics) : asked) {
  const topic = topics[name]
  if (topic === undefined) continue
  console.log(`\n## ${name}\n`)
  await runTopic(name, (await topic()).topic)
}
