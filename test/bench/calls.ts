/**
 * Guarded calls per second, as a ratio to what moves the same bytes: two bare undici requests, and two bare fetches on the portable
 * entry. A guarded call is two exchanges.
 */
import { Pool } from "undici"
import type { Bench, Settings, Topic, Way, Worker } from "./support/bench.js"
import { median, ratios, spread, table, takeTurns } from "./support/figures.js"
import { guardedCalls, many } from "./support/guardedCalls.js"
import { startStub, stub } from "./support/stub.js"

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 7)
const inFlight = (process.env["BENCH_IN_FLIGHT"] ?? "1,16,64,256").split(",").map(Number)
/** How long one measurement should take. */
const aimMs = Number(process.env["BENCH_MS"] ?? 300)

const key = "5cfd26b2-3b89-4fa9-a020-7d5f9fd4aeba"
const amount = { unit: "USD_MICROCENTS", amount: 5_000_000 }
const reserve = {
  idempotency_key: key,
  subject: { tenant: "acme" },
  action: { kind: "llm.completion", name: "gpt-4o" },
  estimate: amount,
  ttl_ms: 60_000,
  overage_policy: "ALLOW_IF_AVAILABLE"
}
const commit = { idempotency_key: key, actual: amount, metrics: { latency_ms: 2 } }
const exchanges = [["/v1/reservations", reserve], [`/v1/reservations/${key}/commit`, commit]] as const

const headers = {
  accept: "application/json",
  "content-type": "application/json",
  "x-cycles-api-key": "cyc_bench_key_of_acme",
  "x-idempotency-key": key
}

/** What a program writes that talks to the protocol by hand. */
const request = (pool: Pool) => async (): Promise<void> => {
  for (const [path, body] of exchanges) {
    const answer = await pool.request({ method: "POST", path, headers, body: JSON.stringify(body) })
    await answer.body.json()
  }
}

/** The least that undici can do: no stream, no promise for each part. */
const dispatch = (pool: Pool) => async (): Promise<void> => {
  for (const [path, body] of exchanges) {
    await new Promise((resolve, reject) => {
      const parts: Array<Buffer> = []
      pool.dispatch({ method: "POST", path, headers, body: JSON.stringify(body) }, {
        onRequestStart: () => {},
        onResponseData: (_, part) => void parts.push(part),
        onResponseEnd: () => resolve(JSON.parse(Buffer.concat(parts).toString())),
        onResponseError: (_, error) => reject(error)
      })
    })
  }
}

const overPool = (one: (pool: Pool) => () => Promise<void>) => ({ baseUrl }: Settings): Promise<Way> => {
  const pool = new Pool(String(baseUrl), { connections: 64, pipelining: 1 })
  return Promise.resolve(async ({ calls, inFlight }) => void await many(one(pool), Number(calls), Number(inFlight)))
}

const fetches = ({ baseUrl }: Settings): Promise<Way> => {
  const two = async (): Promise<void> => {
    for (const [path, body] of exchanges) {
      const answer = await fetch(`${baseUrl}${path}`, { method: "POST", headers, body: JSON.stringify(body) })
      await answer.json()
    }
  }
  return Promise.resolve(async ({ calls, inFlight }) => void await many(two, Number(calls), Number(inFlight)))
}

/** What runs hot afterwards is compiled by then. */
const warmUp = async (worker: Worker): Promise<void> => {
  for (let ms = 0; ms < 2000;) ms += (await worker.sample({ calls: 500, inFlight: 64 })).ms
}

/** How many calls take about as long as they should. */
const fit = async (worker: Worker, inFlight: number): Promise<number> => {
  const few = 4 * inFlight + 50
  const { ms } = await worker.sample({ calls: few, inFlight })
  return Math.ceil(Math.max(few, few * aimMs / ms))
}

/** One table: all ways against the first, for each number of calls in flight. */
const compare = async (workers: ReadonlyArray<Worker>, names: Readonly<Record<string, string>>): Promise<string> => {
  const rows = [["", "in flight", "calls/s", "ratio of rates", "CPU per call, µs", "ratio of CPU"]]
  const [first] = workers
  for (const n of inFlight) {
    const calls = new Map<Worker, number>()
    for (const worker of workers) calls.set(worker, await fit(worker, n))
    const countOf = (worker: Worker) => calls.get(worker) ?? 1
    const samples = await takeTurns(workers, rounds, (worker) => ({ calls: countOf(worker), inFlight: n }))
    const each = (worker: Worker) =>
      (samples.get(worker) ?? []).map((sample) => ({
        rate: countOf(worker) * 1000 / sample.ms,
        cpu: sample.cpuMs * 1000 / countOf(worker)
      }))
    for (const worker of workers) {
      const own = each(worker)
      const base = first === undefined ? own : each(first)
      rows.push([
        names[worker.way] ?? worker.way,
        String(n),
        spread(own.map(({ rate }) => rate)),
        spread(ratios(own, base, ({ rate }) => rate), 2),
        spread(own.map(({ cpu }) => cpu)),
        median(ratios(base, own, ({ cpu }) => cpu)).toFixed(2)
      ])
    }
  }
  return table(rows)
}

export const topic: Topic = {
  ways: {
    stub,
    request: overPool(request),
    dispatch: overPool(dispatch),
    fetch: fetches,
    node: (settings) => guardedCalls({ entry: "node", journal: "memory", ...settings }),
    nodeFiles: (settings) => guardedCalls({ entry: "node", journal: "files", ...settings }),
    nodeFsync: (settings) => guardedCalls({ entry: "node", journal: "fsync", ...settings }),
    nodeAll: (settings) => guardedCalls({ entry: "node", journal: "fsync", tracer: 1, ...settings }),
    portable: (settings) => guardedCalls({ entry: "portable", journal: "memory", ...settings })
  },
  run: async (bench: Bench) => {
    const { baseUrl } = await startStub(bench)
    const start = (way: string) => bench.start(way, { baseUrl, directory: bench.directory() })
    const all = async (...ways: ReadonlyArray<string>) => {
      const workers: Array<Worker> = []
      for (const way of ways) workers.push(await start(way))
      for (const worker of workers) await warmUp(worker)
      return workers
    }
    console.log("### Guarded calls, node entry\n")
    console.log(
      await compare(await all("request", "dispatch", "node", "nodeFiles", "nodeFsync", "nodeAll"), {
        request: "two undici requests",
        dispatch: "two undici dispatches",
        node: "guarded, journal off (memory)",
        nodeFiles: "guarded, files without fsync",
        nodeFsync: "guarded, files with fsync",
        nodeAll: "guarded, files with fsync, a tracer listens"
      })
    )
    console.log("\n### Guarded calls, portable entry\n")
    console.log(
      await compare(await all("fetch", "portable"), {
        fetch: "two fetches",
        portable: "guarded, journal in memory"
      })
    )
  }
}
