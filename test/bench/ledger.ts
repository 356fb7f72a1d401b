/**
 * The embedded authority: one reserve and one commit over four scopes, from a bare Map to a socket and a disk. Then what a
 * reservation takes in memory with its answers, and that retention gives it back.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import { Amount, Cycles, Journal } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import type { Command } from "effect-cycles/authority/Command"
import * as Ledger from "effect-cycles/authority/Ledger"
import type { State } from "effect-cycles/authority/State"
import { layerLedgerStore, Transport } from "effect-cycles/node"
import { IdempotencyKey } from "effect-cycles/protocol/Idempotency"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import { createServer } from "node:http"
import type { Bench, Settings, Topic, Way } from "./support/bench.js"
import { median, spread, table, takeTurns } from "./support/figures.js"

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 7)
const kept = Number(process.env["BENCH_OPEN"] ?? 100_000)

const subject = { tenant: "acme", workspace: "prod", app: "chat", agent: "planner" }
const action = { kind: "llm.completion", name: "gpt-4o" }
const estimate = Amount.tokens(1000)
const actual = Amount.tokens(700)
const allocated = Amount.tokens(1_000_000_000_000_000n)
const scopes = [
  "tenant:acme",
  "tenant:acme/workspace:prod",
  "tenant:acme/workspace:prod/app:chat",
  "tenant:acme/workspace:prod/app:chat/agent:planner"
]
const budgets = scopes.map((scope) => ({ scope, allocated }))

const reserve = (id: string): Command => ({
  _tag: "Reserve",
  tenant: "acme",
  id,
  request: { idempotencyKey: IdempotencyKey.make(id), subject, action, estimate }
})

const commit = (id: string): Command => ({
  _tag: "Commit",
  tenant: "acme",
  reservationId: id,
  request: { idempotencyKey: IdempotencyKey.make(id), actual }
})

/** The least that a ledger does: check, hold, settle. */
const bareMap = (): Promise<Way> => {
  const rows = new Map(scopes.map((scope) => [scope, { remaining: 10n ** 15n, reserved: 0n, spent: 0n }]))
  const holds = new Map<string, bigint>()
  const each = (f: (row: { remaining: bigint; reserved: bigint; spent: bigint }) => void) => {
    for (const scope of scopes) f(rows.get(scope)!)
  }
  let n = 0
  return Promise.resolve(async ({ calls }) => {
    for (let i = 0; i < Number(calls); i++) {
      const id = `r${n++}`
      if (scopes.every((scope) => rows.get(scope)!.remaining >= 1000n)) {
        each((row) => {
          row.remaining -= 1000n
          row.reserved += 1000n
        })
        holds.set(id, 1000n)
      }
      const held = holds.get(id)!
      each((row) => {
        row.reserved -= held
        row.remaining += held - 700n
        row.spent += 700n
      })
      holds.delete(id)
    }
  })
}

const fresh = (idempotency: boolean): State => {
  const state = Ledger.make({ idempotency })
  for (const { allocated, scope } of budgets) {
    Ledger.step(state, {
      _tag: "PutBudget",
      id: scope,
      budget: {
        scope,
        unit: "TOKENS",
        allocated: allocated.amount,
        spent: 0n,
        debt: 0n,
        overdraftLimit: 0n,
        isOverLimit: false,
        status: "ACTIVE",
        caps: undefined
      }
    }, 0)
  }
  return state
}

/** Steps of the pure ledger on fresh tables; a millisecond passes with every fifty of them. */
const pure = (idempotency: boolean, idOf: (n: number) => string, told = false): () => Promise<Way> => () =>
  Promise.resolve(async ({ calls }) => {
    const ids = Array.from({ length: Number(calls) }, (_, n) => idOf(n))
    const commands = ids.map((id) => [reserve(id), commit(id)] as const)
    const state = fresh(idempotency)
    const before = process.cpuUsage()
    const start = performance.now()
    for (let n = 0; n < commands.length; n++) {
      for (const command of commands[n]!) {
        Ledger.step(state, command, 1e12 + n / 50, told ? { changes: [], events: [] } : undefined)
      }
    }
    const { system, user } = process.cpuUsage(before)
    return { ms: performance.now() - start, cpuMs: (user + system) / 1000 }
  })

const uuid = () => globalThis.crypto.randomUUID()

const many = (calls: number, inFlight: number, call: Effect.Effect<unknown, unknown>) =>
  Effect.runPromise(Effect.forEach(Array.from({ length: calls }), () => call, { concurrency: inFlight, discard: true }))

const service = async (authority: Layer.Layer<Authority.Authority, unknown>): Promise<Way> => {
  const { run } = await ManagedRuntime.make(authority).runPromise(Authority.Authority)
  const call = Effect.suspend(() => {
    const id = uuid()
    return Effect.zipRight(run(reserve(id)), run(commit(id)))
  })
  return ({ calls, inFlight }) => many(Number(calls), Number(inFlight ?? 1), call)
}

const client = async (live: Layer.Layer<Cycles, unknown>): Promise<Way> => {
  const cycles = await ManagedRuntime.make(live).runPromise(Cycles)
  const call = Effect.gen(function*() {
    const key = IdempotencyKey.make(uuid())
    const { value } = yield* cycles.createReservation({ idempotencyKey: key, subject, action, estimate })
    if (value.reservationId._tag === "None") return yield* Effect.die("denied")
    yield* cycles.commitReservation(value.reservationId.value, { idempotencyKey: key, actual })
  })
  return ({ calls, inFlight }) => many(Number(calls), Number(inFlight ?? 1), call)
}

const key = Redacted.make("cyc_bench_key_of_acme")
const keys = [{ key, tenant: "acme" }]

const overSocket = Layer.unwrapEffect(
  HttpServer.addressFormattedWith((baseUrl) => Effect.succeed(Cycles.layer({ baseUrl, apiKey: key })))
).pipe(
  Layer.provideMerge(HttpServer.serve(Authority.httpApp)),
  Layer.provide(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
  Layer.provide(Authority.layerAuthority({ budgets, keys })),
  Layer.provide([Transport.layer() as Layer.Layer<HttpClient.HttpClient>, Journal.layerMemory()])
)

const stored = ({ directory }: Settings) =>
  service(
    Layer.provide(
      Authority.layerAuthorityStored({ budgets, keys }),
      layerLedgerStore({ directory: String(directory) })
    )
  )

const settled = async (): Promise<number> => {
  for (let n = 0; n < 4; n++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return process.memoryUsage().heapUsed
}

/** The heap of each reservation, ACTIVE and then committed, with its answers, and what is left when all of it is too old. */
const memory = (idempotency: boolean) => (): Promise<Way> =>
  Promise.resolve(async () => {
    const state = fresh(idempotency)
    const ids = Array.from({ length: kept }, uuid)
    const before = await settled()
    for (const id of ids) Ledger.step(state, reserve(id), 1e12)
    const active = await settled() - before
    for (const id of ids) Ledger.step(state, commit(id), 1e12)
    const ended = await settled() - before
    Ledger.advance(state, 1e12 + 40 * 86_400_000)
    const left = await settled() - before
    return { active: active / kept, ended: ended / kept, left: left / kept }
  })

/** Words, how many calls a round makes, and how many of them at once. */
const speeds = {
  map: ["a bare Map, without anything else", 200_000, 1],
  off: ["pure ledger, idempotency and evidence off", 100_000, 1],
  on: ["pure ledger, idempotency on, short keys", 100_000, 1],
  uuids: ["pure ledger, idempotency on, UUID keys", 100_000, 1],
  told: ["the same, with row changes and events collected", 50_000, 1],
  service: ["Authority.run", 20_000, 1],
  client: ["client, in process", 500, 1],
  socket: ["client, loopback socket, one process", 300, 16],
  store: ["Authority.run, ledger on disk, 64 at once", 2000, 64],
  store1: ["Authority.run, ledger on disk, one at a time", 200, 1]
} as const

const speed = async (bench: Bench) => {
  const workers = []
  for (const way of Object.keys(speeds)) workers.push(await bench.start(way, { directory: bench.directory() }))
  const settingsOf = ({ way }: { readonly way: string }) => {
    const [, calls, inFlight] = speeds[way as keyof typeof speeds]
    return { calls, inFlight }
  }
  for (const worker of workers) await worker.sample(settingsOf(worker))
  const samples = await takeTurns(workers, rounds, settingsOf)
  const rows = [["reserve + commit on 4 scopes", "per second", "CPU each, µs", "CPU against the Map"]]
  const cpu = new Map(workers.map((worker) => [
    worker.way,
    (samples.get(worker) ?? []).map(({ cpuMs }) => cpuMs * 1000 / settingsOf(worker).calls)
  ]))
  for (const worker of workers) {
    const [name, calls] = speeds[worker.way as keyof typeof speeds]
    const own = cpu.get(worker.way) ?? []
    const base = cpu.get("map") ?? []
    rows.push([
      name,
      spread((samples.get(worker) ?? []).map(({ ms }) => calls * 1000 / ms)),
      spread(own, 2),
      median(own.map((us, round) => us / (base[round] ?? us))).toFixed(1)
    ])
  }
  console.log(table(rows))
}

const memories = { kept: "idempotency on", unkept: "idempotency off" } as const

const weigh = async (bench: Bench) => {
  const rows = [[`heap of each of ${kept} reservations, bytes`, "ACTIVE", "committed", "40 days later"]]
  for (const [way, name] of Object.entries(memories)) {
    const { active = NaN, ended = NaN, left = NaN } = await (await bench.start(way, {}, { gc: true })).sample()
    rows.push([name, active.toFixed(0), ended.toFixed(0), left.toFixed(0)])
  }
  console.log(`\n${table(rows)}`)
}

export const topic: Topic = {
  ways: {
    map: bareMap,
    off: pure(false, (n) => `r${n}`),
    on: pure(true, (n) => `r${n}`),
    uuids: pure(true, uuid),
    told: pure(true, uuid, true),
    service: () => service(Authority.layerAuthority({ budgets, keys })),
    client: () => client(Authority.layer({ budgets })),
    socket: () => client(overSocket),
    store: stored,
    store1: stored,
    kept: memory(true),
    unkept: memory(false)
  },
  run: async (bench) => {
    await speed(bench)
    await weigh(bench)
  }
}
