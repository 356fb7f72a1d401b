/**
 * What the journal costs in a guarded call: against one that keeps nothing, in memory, in files, and in files that reach the disk.
 */
import type { Settings, Topic, Way, Worker } from "./support/bench.js"
import { median, spread, table, takeTurns } from "./support/figures.js"
import { guardedCalls } from "./support/guardedCalls.js"
import { startStub, stub } from "./support/stub.js"

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 7)
const inFlight = [1, 64]

const over = (journal: string) => (settings: Settings): Promise<Way> =>
  guardedCalls({ entry: "node", journal, ...settings })

const names: Readonly<Record<string, string>> = {
  off: "none: nothing is kept",
  memory: "memory",
  files: "files, fsync off",
  fsync: "files, fsync on"
}

export const topic: Topic = {
  ways: { stub, off: over("off"), memory: over("memory"), files: over("files"), fsync: over("fsync") },
  run: async (bench) => {
    const { baseUrl } = await startStub(bench)
    const workers: Array<Worker> = []
    for (const way of Object.keys(names)) {
      const worker = await bench.start(way, { baseUrl, directory: bench.directory() })
      await worker.sample({ calls: 3000, inFlight: 64 })
      workers.push(worker)
    }
    const rows = [["journal", "in flight", "calls/s", "CPU per call, µs", "CPU over none, µs"]]
    for (const n of inFlight) {
      const calls = n === 1 ? 200 : 1000
      const samples = await takeTurns(workers, rounds, () => ({ calls, inFlight: n }))
      const cpuOf = (worker: Worker | undefined) =>
        (worker === undefined ? [] : samples.get(worker) ?? []).map(({ cpuMs }) => cpuMs * 1000 / calls)
      const base = cpuOf(workers[0])
      for (const worker of workers) {
        const cpu = cpuOf(worker)
        rows.push([
          names[worker.way] ?? worker.way,
          String(n),
          spread((samples.get(worker) ?? []).map(({ ms }) => calls * 1000 / ms)),
          spread(cpu),
          median(cpu.map((us, round) => us - (base[round] ?? us))).toFixed(0)
        ])
      }
    }
    console.log(table(rows))
  }
}
