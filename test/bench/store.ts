/**
 * What it costs to keep the ledger on disk: reserve and commit on four scopes, one after the other, against the same in memory; the start of a
 * large ledger; and the size of its files as time goes by.
 */
import { Amount } from "effect-cycles"
import { Authority } from "effect-cycles/authority"
import { layerLedgerStore } from "effect-cycles/node"
import { IdempotencyKey } from "effect-cycles/protocol/Idempotency"
import { ReservationId } from "effect-cycles/protocol/Reservation"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import type { Settings, Topic, Way } from "./support/bench.js"
import { median, ratios, spread, table, takeTurns } from "./support/figures.js"

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 5)
const reservations = Number(process.env["BENCH_RESERVATIONS"] ?? 100_000)
const inFlight = [1, 16, 64]

const tenant = "acme"
const subject = { tenant, workspace: "prod", app: "chat", agent: "planner" }
const paths = ["tenant:acme", "/workspace:prod", "/app:chat", "/agent:planner"]
const scopes = paths.map((_, n) => paths.slice(0, n + 1).join(""))
const options = { budgets: scopes.map((scope) => ({ scope, allocated: Amount.usd("1000000") })) }

const layerOf = ({ directory }: Settings): Layer.Layer<Authority.Authority> =>
  Layer.orDie(
    directory === undefined
      ? Authority.layerAuthority(options)
      : Layer.provide(Authority.layerAuthorityStored(options), layerLedgerStore({ directory: String(directory) }))
  )

const cycle = Effect.gen(function*() {
  const authority = yield* Authority.Authority
  const id = crypto.randomUUID()
  yield* authority.run({
    _tag: "Reserve",
    tenant,
    id,
    request: {
      idempotencyKey: IdempotencyKey.make(crypto.randomUUID()),
      subject,
      action: { kind: "llm.completion", name: "gpt-4o" },
      estimate: Amount.usd("0.05")
    }
  })
  yield* authority.run({
    _tag: "Commit",
    tenant,
    reservationId: ReservationId.make(id),
    request: { idempotencyKey: IdempotencyKey.make(crypto.randomUUID()), actual: Amount.usd("0.0123") }
  })
}).pipe(Effect.orDie)

const many = (cycles: number, lanes: number) => {
  let left = cycles
  const lane = Effect.whileLoop({ while: () => left-- > 0, body: () => cycle, step: () => {} })
  return Effect.all(Array.from({ length: lanes }, () => lane), { concurrency: "unbounded", discard: true })
}

const cycling = (settings: Settings): Promise<Way> => {
  const runtime = ManagedRuntime.make(layerOf(settings))
  return runtime.runPromise(Effect.succeed(async ({ cycles = 1, inFlight = 1 }) => {
    await runtime.runPromise(many(Number(cycles), Number(inFlight)))
  }))
}

/** Makes a ledger and leaves it. */
const filling = (settings: Settings): Promise<Way> =>
  Promise.resolve(({ cycles = 1 }) => Effect.runPromise(Effect.provide(many(Number(cycles), 256), layerOf(settings))))

/** Opens the ledger, and closes it again: what is measured is the opening. */
const opening = ({ directory = "" }: Settings): Promise<Way> =>
  Promise.resolve(async () => {
    const runtime = ManagedRuntime.make(layerOf({ directory }))
    const begin = performance.now()
    const rows = await runtime.runPromise(Effect.flatMap(Authority.Authority, (authority) => authority.reservations))
    const ms = performance.now() - begin
    await runtime.dispose()
    return { ms, rows: rows.length, rssMib: process.memoryUsage.rss() / 2 ** 20 }
  })

/** Some cycles a day on a clock of its own, day after day. Samples say how large the files have become. */
const ageing = async ({ directory = "" }: Settings): Promise<Way> => {
  let now = Date.now()
  const clock: Clock.Clock = {
    ...Clock.make(),
    unsafeCurrentTimeMillis: () => now,
    currentTimeMillis: Effect.sync(() => now)
  }
  const runtime = ManagedRuntime.make(Layer.provideMerge(layerOf({ directory }), Layer.setClock(clock)))
  return async ({ cycles = 1, days = 1 }) => {
    for (let day = 0; day < Number(days); day++) {
      now += 86_400_000
      await runtime.runPromise(many(Number(cycles), 64))
    }
    const rows = await runtime.runPromise(Effect.flatMap(Authority.Authority, (authority) => authority.reservations))
    return { rows: rows.length, bytes: bytesIn(String(directory)) }
  }
}

const bytesIn = (directory: string): number =>
  readdirSync(directory).reduce((sum, file) => sum + statSync(join(directory, file)).size, 0)

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)

export const topic: Topic = {
  ways: { memory: cycling, disk: cycling, filling, opening, ageing },
  run: async (bench) => {
    const directory = bench.directory()
    const memory = await bench.start("memory")
    const disk = await bench.start("disk", { directory })
    for (const worker of [memory, disk]) await worker.sample({ cycles: 3000, inFlight: 64 })
    const rows = [["cycles", "in flight", "in memory, /s", "on disk, /s", "ratio", "CPU on disk, µs"]]
    for (const n of inFlight) {
      const cycles = n === 1 ? 300 : 2000
      const samples = await takeTurns([memory, disk], rounds, () => ({ cycles, inFlight: n }))
      const [inMemory = [], onDisk = []] = [memory, disk].map((worker) => samples.get(worker) ?? [])
      rows.push([
        "reserve + commit, 4 scopes",
        String(n),
        spread(inMemory.map(({ ms }) => cycles * 1000 / ms)),
        spread(onDisk.map(({ ms }) => cycles * 1000 / ms)),
        `1 : ${median(ratios(onDisk, inMemory, ({ ms }) => ms)).toFixed(1)}`,
        spread(onDisk.map(({ cpuMs }) => cpuMs * 1000 / cycles))
      ])
    }
    console.log(table(rows))

    const large = bench.directory()
    const filler = await bench.start("filling", { directory: large })
    await filler.sample({ cycles: reservations })
    const opener = await bench.start("opening", { directory: large })
    const opened = []
    for (let round = 0; round < 3; round++) opened.push(await opener.sample())
    console.log(`\n${
      table([
        ["a ledger of", "opened in, s", "files, MiB", "the process, MiB"],
        [
          `${opened[0]?.["rows"]} reservations`,
          spread(opened.map(({ ms }) => ms / 1000), 2),
          mib(bytesIn(large)),
          Math.max(...opened.map(({ rssMib = 0 }) => rssMib)).toFixed(0)
        ]
      ])
    }`)

    const old = await bench.start("ageing", { directory: bench.directory() })
    const ages = [["after", "reservations kept", "files, MiB"]]
    for (const day of [10, 20, 30, 40, 50, 60, 70, 80]) {
      const { bytes = 0, rows: kept } = await old.sample({ cycles: 300, days: 10 })
      ages.push([`${day} days, 300 cycles a day`, String(kept), mib(bytes)])
    }
    console.log(`\n${table(ages)}`)
  }
}
