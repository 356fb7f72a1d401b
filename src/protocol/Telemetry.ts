/**
 * Names of spans, attributes and metrics, derived from the Api value where they concern an operation.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricKey from "effect/MetricKey"
import * as MetricLabel from "effect/MetricLabel"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { CyclesApi } from "./Api.js"
import type { OperationName } from "./CyclesError.js"

const operationNames: Array<string> = []
HttpApi.reflect(CyclesApi, { onGroup: () => {}, onEndpoint: ({ endpoint }) => operationNames.push(endpoint.name) })

/**
 * The operations in the order of the Api value.
 *
 * @since 0.1.0
 * @category models
 */
export const operations: ReadonlyArray<string> = operationNames

/** The span of one exchange. */
export const spanOf = (operation: OperationName): string => `cycles.${operation}`

/** The span around a guarded effect. */
export const guardSpan = "cycles.guard"

/** Attribute names. */
export const attributes = {
  operation: "cycles.operation.name",
  reservation: "cycles.reservation.id",
  decision: "cycles.decision",
  unit: "cycles.amount.unit",
  estimated: "cycles.amount.estimated",
  charged: "cycles.amount.charged",
  settlement: "cycles.settlement",
  streamEnd: "cycles.stream.end",
  errorType: "error.type"
} as const

/** The tracer that is there when nobody provides one: it keeps no span. */
const silent = Context.get(DefaultServices.liveServices, Tracer.Tracer)

const isHeard = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean => fiber.currentTracer !== silent

type Attributes = Readonly<Record<string, unknown>>

const add = (span: Tracer.Span, attributes: Attributes): void => {
  for (const name of Object.keys(attributes)) span.attribute(name, attributes[name])
}

/** The tracer is not ours: one that throws loses what it was told, and nobody an answer. */
const tell = (run: () => void): void => {
  try {
    run()
  } catch {
    // There is nobody to tell.
  }
}

/** Adds attributes to a span, or to the one of a guard that a fiber is in. */
export const mark = (
  of: Fiber.RuntimeFiber<unknown, unknown> | Tracer.Span | undefined,
  attributes: () => Attributes
): void => {
  if (of === undefined) return
  const span = "attribute" in of ? of : isHeard(of) ? of.currentSpan : undefined
  if (span?._tag === "Span") tell(() => add(span, attributes()))
}

type InFiber<A, E, R> = Parameters<typeof Effect.withFiberRuntime<A, E, R>>[0]

/**
 * Runs with a new span when there is a tracer that listens. Whoever gets the span ends it. It is not in the context, which would be most of
 * its costs.
 */
export const observed = (name: string, options: Tracer.SpanOptions = {}) => {
  const span = Effect.makeSpan(name, { captureStackTrace: false, ...options })
  return <A, E, R>(run: (...args: [...Parameters<InFiber<A, E, R>>, span?: Tracer.Span]) => Effect.Effect<A, E, R>) =>
    Effect.withFiberRuntime<A, E, R>((fiber, status) =>
      isHeard(fiber) ? Effect.flatMap(span, (span) => run(fiber, status, span)) : run(fiber, status)
    )
}

/** Ends the span of `observed`, once. `ofError` gives attributes of the error of what failed. */
export const end = <E>(
  span: Tracer.Span | undefined,
  clock: Clock.Clock,
  exit: Exit.Exit<unknown, E>,
  ofError: (error: E) => Attributes = () => ({})
): void => {
  if (span?.status._tag !== "Started") return
  // One that began at no time is of a tracer whose timing is off.
  const endTime = span.status.startTime === 0n ? 0n : clock.unsafeCurrentTimeNanos()
  if (Exit.isFailure(exit)) {
    Option.map(Cause.failureOption(exit.cause), (error) => tell(() => add(span, ofError(error))))
  }
  tell(() => span.end(endTime, exit))
}

const durations = MetricKey.taggedWithLabels(
  MetricKey.histogram(
    "cycles.client.operation.duration",
    MetricBoundaries.exponential({ start: 0.001, factor: 2, count: 14 }),
    "duration of one exchange with the authority"
  ),
  [MetricLabel.make("unit", "s")]
)

/**
 * How long operations take, in seconds, tagged with the operation.
 *
 * @since 0.1.0
 * @category models
 */
export const operationDuration: Metric.Metric.Histogram<number> = Metric.fromMetricKey(durations)

/** The durations of one operation. A tag that belongs to the key is not looked up with every update. */
export const durationOf = (operation: OperationName): Metric.Metric.Histogram<number> =>
  Metric.fromMetricKey(MetricKey.taggedWithLabels(durations, [MetricLabel.make("operation", operation)]))

/** Updates a metric with the labels that a fiber has for all its metrics. */
export const update = <Type, In, Out>(
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  metric: Metric.Metric<Type, In, Out>,
  input: In
): void => metric.unsafeUpdate(input, fiber.getFiberRef(FiberRef.currentMetricLabels))

/**
 * Settlements that go on in the background.
 *
 * @since 0.1.0
 * @category models
 */
export const settlementPending: Metric.Metric.Gauge<number> = Metric.gauge(
  "cycles.settlement.pending",
  { description: "settlements that go on in the background" }
)

/**
 * Leases that were lost while their work ran.
 *
 * @since 0.1.0
 * @category models
 */
export const leaseLost: Metric.Metric.Counter<number> = Metric.counter("cycles.lease.lost", {
  description: "leases that were lost while their work ran",
  incremental: true
})

/**
 * How long guarded streams run, in seconds, from the reservation to the end of their elements, tagged with how they ended.
 *
 * @since 0.1.0
 * @category models
 */
export const streamDuration: Metric.Metric.Histogram<number> = Metric.histogram(
  "cycles.stream.duration",
  MetricBoundaries.exponential({ start: 0.01, factor: 2, count: 16 }),
  "duration of a guarded stream"
).pipe(Metric.tagged("unit", "s"))

/**
 * How long guarded streams take from the reservation to their first element, in seconds.
 *
 * @since 0.1.0
 * @category models
 */
export const streamFirstElement: Metric.Metric.Histogram<number> = Metric.histogram(
  "cycles.stream.first_element",
  MetricBoundaries.exponential({ start: 0.001, factor: 2, count: 16 }),
  "time to the first element of a guarded stream"
).pipe(Metric.tagged("unit", "s"))

/**
 * Elements that guarded streams produced.
 *
 * @since 0.1.0
 * @category models
 */
export const streamElements: Metric.Metric.Counter<number> = Metric.counter("cycles.stream.elements", {
  description: "elements that guarded streams produced",
  incremental: true
})

/**
 * Work that ran without a hold because the authority could not be asked, tagged with the policy that allowed it.
 *
 * @since 0.1.0
 * @category models
 */
export const guardOpened: Metric.Metric.Counter<number> = Metric.counter("cycles.guard.opened", {
  description: "work that ran without a hold because the authority could not be asked",
  incremental: true
})

/**
 * 1 while a circuit breaker keeps the authority from being asked.
 *
 * @since 0.1.0
 * @category models
 */
export const circuitOpen: Metric.Metric.Gauge<number> = Metric.gauge("cycles.circuit.open", {
  description: "1 while a circuit breaker keeps the authority from being asked"
})

/**
 * Work that was only watched, tagged with what the authority would have answered.
 *
 * @since 0.1.0
 * @category models
 */
export const shadowVerdict: Metric.Metric.Counter<number> = Metric.counter("cycles.shadow.verdict", {
  description: "work that was only watched, by what the authority would have answered",
  incremental: true
})

/**
 * What watched work used, as a share of its estimate: above 1, the estimate was too low.
 *
 * @since 0.1.0
 * @category models
 */
export const shadowUse: Metric.Metric.Histogram<number> = Metric.histogram(
  "cycles.shadow.use",
  MetricBoundaries.fromIterable([0.1, 0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.5, 2, 5]),
  "what watched work used, as a share of its estimate"
)
