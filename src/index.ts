/**
 * The portable entry: the guard and everything under it. It needs web globals only.
 */
export type { Client, Reply } from "./client/Client.js"
export * as CyclesConfig from "./client/CyclesConfig.js"
export { EvidenceVerdict, verifyEvidence, type VerifyEvidenceOptions } from "./client/verifyEvidence.js"
export * as AbortableStream from "./guard/AbortableStream.js"
export * as CircuitBreaker from "./guard/CircuitBreaker.js"
export { CurrentRung, degradePlan, type PlanRung } from "./guard/degradePlan.js"
export * as Enforce from "./guard/Enforce.js"
export { evaluate, type EvaluateError, Evaluation } from "./guard/evaluate.js"
export { type Actual, guarded, type GuardOptions } from "./guard/guarded.js"
export {
  type DrainOptions,
  type EarlyEnd,
  type EndPolicy,
  guardedStream,
  type GuardedStreamOptions,
  type StreamSource
} from "./guard/guardedStream.js"
export type { CommonGuardOptions, GuardError, HoldError } from "./guard/GuardOptions.js"
export * as OnDenied from "./guard/OnDenied.js"
export * as OnUnavailable from "./guard/OnUnavailable.js"
export { CurrentRun, type Run, runBudget, RunEvent, type RunLimit, type RunOptions } from "./guard/runBudget.js"
export {
  shadow,
  type ShadowOptions,
  shadowStream,
  type ShadowStreamOptions,
  type WatchOptions
} from "./guard/shadow.js"
export { type ShadowReport, ShadowReports, type ShadowVerdict, wouldDeny } from "./guard/ShadowReport.js"
export { subBudget } from "./guard/subBudget.js"
export * as UsageMeter from "./guard/UsageMeter.js"
export { ActualUnknown } from "./lifecycle/ActualUnknown.js"
export { AlreadyCharged, type AttemptError, AttemptInProgress } from "./lifecycle/Attempt.js"
export { CurrentReservation } from "./lifecycle/CurrentReservation.js"
export { Cycles, CyclesLive, type Service as CyclesService } from "./lifecycle/Cycles.js"
export * as Journal from "./lifecycle/Journal.js"
export { type Lease, LeaseEvent, LeaseLost, type LeasePolicy } from "./lifecycle/Lease.js"
export type { Disposition, StopReason } from "./lifecycle/LeasePlan.js"
export {
  type Allocation,
  AllocationExceeded,
  AllocationTypeId,
  type Nested,
  type NestedError,
  NestedForbidden,
  RunExhausted
} from "./lifecycle/Nested.js"
export { type EventOptions, recordEvent } from "./lifecycle/recordEvent.js"
export { type CommitOptions, type Cost, type Reservation, reserve, type ReserveError } from "./lifecycle/Reservation.js"
export type { ActionInput, ReserveOptions, Resolvable, SubjectInput } from "./lifecycle/ReserveOptions.js"
export { type ActualSource, isCapped, Settlement } from "./lifecycle/Settlement.js"
export { UsageError } from "./lifecycle/UsageError.js"
export { Action } from "./protocol/Action.js"
export { Amount, type Rounding, SignedAmount, Unit } from "./protocol/Amount.js"
export { CyclesApi } from "./protocol/Api.js"
export { Balance, BalanceFilter, BalancePage } from "./protocol/Balance.js"
export * as Caps from "./protocol/Caps.js"
export * as CyclesError from "./protocol/CyclesError.js"
export * as Decision from "./protocol/Decision.js"
export * as Event from "./protocol/Event.js"
export * as Evidence from "./protocol/Evidence.js"
export * as Idempotency from "./protocol/Idempotency.js"
export { InvalidInput } from "./protocol/InvalidInput.js"
export * as Json from "./protocol/Json.js"
export type { Meta } from "./protocol/Meta.js"
export { Metrics } from "./protocol/Metrics.js"
export * as Wire from "./protocol/Reservation.js"
export {
  ReservationDetail,
  ReservationFilter,
  ReservationPage,
  ReservationSummary
} from "./protocol/ReservationQuery.js"
export { Subject } from "./protocol/Subject.js"
export * as Telemetry from "./protocol/Telemetry.js"
export * as Estimate from "./usage/Estimate.js"
export { illustrativePrices } from "./usage/illustrativePrices.js"
export { MissingPrice, StalePrice, UnknownModel } from "./usage/PriceErrors.js"
export type { CallOptions, EstimateOptions } from "./usage/PriceOptions.js"
export {
  type MeterReading,
  type Options as PricesOptions,
  type Price,
  type PriceError,
  Prices,
  type RefreshOptions,
  type Service as PricesService
} from "./usage/Prices.js"
export * as PriceTable from "./usage/PriceTable.js"
export { type Service as TokenizerService, Tokenizer } from "./usage/Tokenizer.js"
export * as Usage from "./usage/Usage.js"
export * as UsageFold from "./usage/UsageFold.js"
