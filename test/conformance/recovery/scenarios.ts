/**
 * What the catalogue of the recovery profile asks for, by name, and which test of ours shows it.
 */
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"

/** One scenario of the catalogue, and the test that is bound to it. */
export interface Scenario {
  readonly level: "core" | "durable" | "boundary"
  readonly precondition: string
  readonly faults: ReadonlyArray<string>
  readonly requests: ReadonlyArray<string>
  readonly assertions: ReadonlyArray<string>
  readonly test: string
}

export const scenarios = {
  "CR-CORE-001": {
    level: "core",
    precondition: "actual_known",
    faults: ["commit_response_lost"],
    requests: ["commit", "commit_same_key"],
    assertions: ["settlement_occurs_at_most_once", "retry_uses_original_idempotency_key"],
    test: "CR-CORE-001 a commit whose answer was lost is sent again with its key and charged once"
  },
  "CR-CORE-002": {
    level: "core",
    precondition: "actual_known",
    faults: ["commit_reservation_expired"],
    requests: ["commit", "event_same_key"],
    assertions: ["event_carries_original_subject_action_actual", "settlement_occurs_at_most_once"],
    test: "CR-CORE-002 spend of an expired reservation becomes an event"
  },
  "CR-CORE-003": {
    level: "core",
    precondition: "action_running",
    faults: ["extend_transport_error"],
    requests: ["extend", "extend_same_key", "commit"],
    assertions: [
      "heartbeat_failure_reports_reservation_and_disposition",
      "guarded_action_continues_under_warn_policy",
      "final_settlement_is_attempted"
    ],
    test: "CR-CORE-003 a failed extend is told and the work goes on"
  },
  "CR-CORE-004": {
    level: "core",
    precondition: "actual_known",
    faults: ["commit_nonconformant_2xx_or_body"],
    requests: ["commit", "commit_same_key"],
    assertions: [
      "only_schema_valid_expected_status_is_terminal_success",
      "ambiguous_success_retains_original_idempotency_key"
    ],
    test: "CR-CORE-004 a 2xx that is not the expected answer proves nothing"
  },
  "CR-DURABLE-001": {
    level: "durable",
    precondition: "actual_known",
    faults: ["process_terminated_while_first_commit_is_in_flight", "process_restarted"],
    requests: ["commit", "commit_same_key_after_restart"],
    assertions: [
      "journal_write_precedes_first_settlement_request",
      "unresolved_record_survives_restart",
      "successful_replay_removes_record",
      "settlement_occurs_at_most_once"
    ],
    test: "CR-DURABLE-001 a process killed during its first commit has left a record, and the next one settles it"
  },
  "CR-DURABLE-002": {
    level: "durable",
    precondition: "journal_contains_commit",
    faults: [
      "process_restarted",
      "commit_reservation_expired",
      "process_terminated_after_mode_switch",
      "process_restarted"
    ],
    requests: ["commit_same_key_after_restart", "event_same_key_after_restart"],
    assertions: [
      "event_mode_is_persisted_before_event_attempt",
      "successful_event_removes_record",
      "settlement_occurs_at_most_once"
    ],
    test: "CR-DURABLE-002 a replayed commit that has expired is an event for every later process"
  },
  "CR-DURABLE-003": {
    level: "durable",
    precondition: "actual_known",
    faults: [
      "commit_429_with_retry_after",
      "process_terminated_after_journal_write",
      "process_restarted_before_retry_after"
    ],
    requests: ["commit", "commit_same_key_after_retry_after"],
    assertions: ["no_retry_before_persisted_not_before", "successful_replay_removes_record"],
    test: "CR-DURABLE-003 a restart does not shorten the wait that the authority asked for"
  },
  "CR-DURABLE-004": {
    level: "durable",
    precondition: "journal_contains_commit_with_tenant_identity",
    faults: ["api_key_rotated", "process_restarted"],
    requests: ["commit_same_key_after_restart"],
    assertions: ["new_tenant_credential_finds_record", "old_api_key_is_not_stored"],
    test: "CR-DURABLE-004 a new key of the same tenant settles what the old one left"
  },
  "CR-DURABLE-005": {
    level: "durable",
    precondition: "journal_contains_corrupt_or_unsupported_record",
    faults: ["process_restarted"],
    requests: [],
    assertions: [
      "corrupt_record_is_quarantined",
      "unsupported_record_version_is_quarantined",
      "other_valid_records_still_replay",
      "corruption_is_reported"
    ],
    test: "CR-DURABLE-005 records that cannot be read are set aside and the others are settled"
  },
  "CR-DURABLE-006": {
    level: "durable",
    precondition: "journal_contains_commit",
    faults: ["two_independent_workers_replay_same_record"],
    requests: ["concurrent_commit_same_key"],
    assertions: ["settlement_occurs_at_most_once", "terminal_record_is_removed"],
    test: "CR-DURABLE-006 two processes that replay the same record at once charge once"
  },
  "CR-DURABLE-007": {
    level: "durable",
    precondition: "journal_contains_records_with_colliding_legacy_identifiers",
    faults: ["legacy_record_encountered"],
    requests: [],
    assertions: [
      "standard_filename_is_sha256_of_exact_utf8_identifier",
      "distinct_identifiers_never_share_a_journal_file",
      "matching_legacy_record_migrates_without_deleting_collision"
    ],
    test: "CR-DURABLE-007 identifiers that earlier names confused have a file each"
  },
  "CR-BOUNDARY-001": {
    level: "boundary",
    precondition: "actual_unknown",
    faults: ["guarded_action_does_not_return_actual"],
    requests: [],
    assertions: ["no_commit_or_event_without_known_actual", "missing_actual_or_guarded_action_failure_is_surfaced"],
    test: "CR-BOUNDARY-001 work that does not say what it used settles nothing and fails"
  }
} as const satisfies Record<string, Scenario>

export type ScenarioId = keyof typeof scenarios

export const isScenarioId = (id: unknown): id is ScenarioId => typeof id === "string" && Object.hasOwn(scenarios, id)

/** The file, below this directory, that holds the tests of a level. */
export const fileOf = (level: Scenario["level"]): string => `${level[0]?.toUpperCase()}${level.slice(1)}.test.ts`

const published = fileURLToPath(new URL("../../../../shared/protocol/recovery/scenarios.yaml", import.meta.url))

export interface Published {
  readonly id: string
  readonly level: string
  readonly precondition: string
  readonly faults: ReadonlyArray<string>
  readonly expected_requests: ReadonlyArray<string>
  readonly assertions: ReadonlyArray<string>
}

/** The published catalogue, or `undefined` when it is not at hand. */
export const catalogue = (): ReadonlyArray<Published> | undefined =>
  existsSync(published) ? parse(readFileSync(published, "utf8")).scenarios : undefined
