import type { Service } from "effect-cycles/authority/Authority"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** A wall clock that stands still until it is set. Sleeping and monotonic time stay real, so sockets work. */
export interface SettableClock {
  readonly clock: Clock.Clock
  readonly set: (epochMs: number) => Effect.Effect<void>
}

export const makeClock = (epochMs: number): SettableClock => {
  const real = Clock.make()
  let now = epochMs
  return {
    clock: {
      [Clock.ClockTypeId]: Clock.ClockTypeId,
      sleep: real.sleep,
      currentTimeNanos: real.currentTimeNanos,
      unsafeCurrentTimeNanos: () => real.unsafeCurrentTimeNanos(),
      currentTimeMillis: Effect.sync(() => now),
      unsafeCurrentTimeMillis: () => now
    },
    set: (epochMs) => Effect.sync(() => void (now = epochMs))
  }
}

/** The authority as it is at the time of `clock`, whatever fiber asks. */
export const atClock = (authority: Service, clock: Clock.Clock): Service => ({
  ...authority,
  run: (command) => Effect.withClock(authority.run(command), clock),
  budgets: Effect.withClock(authority.budgets, clock),
  reservations: Effect.withClock(authority.reservations, clock),
  active: Effect.withClock(authority.active, clock),
  envelope: (id) => Effect.withClock(authority.envelope(id), clock),
  sweep: Effect.withClock(authority.sweep, clock),
  audits: Effect.withClock(authority.audits, clock),
  putBudget: (options) => Effect.withClock(authority.putBudget(options), clock),
  removeBudget: (scope, unit) => Effect.withClock(authority.removeBudget(scope, unit), clock),
  credit: (scope, amount) => Effect.withClock(authority.credit(scope, amount), clock),
  setStatus: (scope, unit, status) => Effect.withClock(authority.setStatus(scope, unit, status), clock),
  setCaps: (scope, unit, caps) => Effect.withClock(authority.setCaps(scope, unit, caps), clock),
  identify: (key) => Effect.withClock(authority.identify(key), clock),
  createApiKey: (options) => Effect.withClock(authority.createApiKey(options), clock),
  visit: (client) => Effect.withClock(authority.visit(client), clock),
  putTenant: (id, tenant) => Effect.withClock(authority.putTenant(id, tenant), clock)
})
