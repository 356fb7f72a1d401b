import { assert } from "@effect/vitest"
import { Amount } from "effect-cycles/protocol/Amount"
import * as Effect from "effect/Effect"
import { absent, is, refuses, type Reply, rows, tokens } from "../support/http.js"
import { A, child, type Lab, Q, scenario } from "../support/Lab.js"

const iso = "2023-11-14T22:13:20Z"
const three = (lab: Lab) => Effect.forEach([300, 100, 200], (n) => lab.R(n))
const ids = (reply: Reply) => rows(is(reply, 200), "reservations").map((row) => row["reservation_id"])
const amounts = (reply: Reply) =>
  rows(is(reply, 200), "reservations").map((row) => (row["reserved"] as { amount: number }).amount)
const bySize = "sort_by=reserved&sort_dir=asc&limit=2"
const cursorOf = (reply: Reply) => `cursor=${String(reply.json["next_cursor"])}`

export const listing = [
  scenario("#123 two pages", function*(lab) {
    yield* three(lab)
    const first = is(yield* lab.list(bySize), 200, { has_more: true })
    assert.deepStrictEqual(amounts(first), [100, 200])
    const second = is(yield* lab.list(`${bySize}&${cursorOf(first)}`), 200, { has_more: false, next_cursor: absent })
    assert.deepStrictEqual(amounts(second), [300])
    assert.deepStrictEqual(amounts(yield* lab.list(`limit=2&${cursorOf(first)}`)), [300])
  }),

  scenario("#124 a cursor belongs to its filters and its order", function*(lab) {
    yield* three(lab)
    const cursor = cursorOf(yield* lab.list(bySize))
    for (const change of ["sort_by=reserved&sort_dir=desc", `${bySize}&status=ACTIVE`, `${bySize}&from=${iso}`]) {
      refuses(yield* lab.list(`${change}&${cursor}`), 400, "INVALID_REQUEST", "cursor")
    }
    assert.deepStrictEqual(amounts(yield* lab.list(`${bySize}&include=metadata&${cursor}`)), [300])
    assert.deepStrictEqual(amounts(yield* lab.list(`sort_by=reserved&sort_dir=asc&${cursor}`)), [300])
  }),

  scenario("#125 a cursor from nowhere", function*(lab) {
    const forged = globalThis.btoa(`{"by":"reserved","dir":"asc","filters":0,"value":"x","id":"y"}`)
    for (const cursor of ["garbage", "!", "e30", forged]) {
      refuses(yield* lab.list(`sort_by=reserved&cursor=${cursor}`), 400, "INVALID_REQUEST", "cursor")
      refuses(yield* lab.list(`cursor=${cursor}`), 400, "INVALID_REQUEST", "cursor")
    }
    refuses(yield* lab.balances("tenant=tenant-a&cursor=!"), 400, "INVALID_REQUEST", "cursor")
  }),

  scenario("#126 parameters out of bounds", function*(lab) {
    for (const query of ["sort_by=bogus", "sort_dir=up", "status=active", "limit=0", "limit=201", "limit=ten"]) {
      refuses(yield* lab.list(query), 400, "INVALID_REQUEST", query.slice(0, query.indexOf("=")))
    }
    refuses(yield* lab.balances("tenant=tenant-a&limit=0"), 400, "INVALID_REQUEST", "limit")
    refuses(yield* lab.balances("tenant=tenant-a&include_children=2"), 400, "INVALID_REQUEST", "include_children")
  }),

  scenario("#127 the names of orders ignore case", function*(lab) {
    yield* three(lab)
    assert.deepStrictEqual(amounts(yield* lab.list("sort_by=RESERVED&sort_dir=ASC")), [100, 200, 300])
  }),

  scenario("#128 windows", function*(lab) {
    yield* three(lab)
    const swapped = (prefix: string) => `${prefix}from=2026-01-02T00:00:00Z&${prefix}to=2026-01-01T00:00:00Z`
    refuses(yield* lab.list(swapped("")), 400, "INVALID_REQUEST", "from must be less than or equal to to")
    refuses(yield* lab.list(swapped("expires_")), 400, "INVALID_REQUEST", "expires_from")
    refuses(yield* lab.list("from=yesterday"), 400, "INVALID_REQUEST", "from")
    refuses(yield* lab.list("to=2026-01-01T00:00:00"), 400, "INVALID_REQUEST", "to")
    assert.lengthOf(ids(yield* lab.list("from=&to=")), 3)
    assert.lengthOf(ids(yield* lab.list(`from=${iso}&to=${iso}`)), 3)
    assert.isEmpty(ids(yield* lab.list("to=2023-11-14T22:13:19.999Z")))
    assert.isEmpty(ids(yield* lab.list("expires_from=2023-11-14T22:14:20.001Z")))
  }),

  scenario("#129 a window on the end drops what has none", function*(lab) {
    const [r1, r2] = yield* three(lab)
    yield* lab.C(r1!, 1)
    yield* lab.X(r2!)
    assert.sameMembers(ids(yield* lab.list(`finalized_from=${iso}`)), [r1, r2].map((r) => r?.json["reservation_id"]))
  }),

  scenario("#130 by idempotency key", function*(lab) {
    const reply = yield* lab.R(1, { k: "k" })
    yield* three(lab)
    assert.deepStrictEqual(ids(yield* lab.list("idempotency_key=k")), [reply.json["reservation_id"]])
  }),

  scenario("#131 a level matches a whole segment, whatever its case", function*(lab) {
    const reply = yield* lab.R(1, { subject: child })
    yield* lab.R(1, { subject: { tenant: "tenant-a", agent: "xy" } })
    assert.deepStrictEqual(ids(yield* lab.list("agent=X")), [reply.json["reservation_id"]])
    assert.isEmpty(ids(yield* lab.list("toolset=x")))
  }),

  scenario("#132 maps on request", function*(lab) {
    yield* lab.C(yield* lab.R(10, { body: { metadata: { a: 1 } } }), 5, { body: { metadata: { b: 2 } } })
    const [bare] = rows(yield* lab.list(), "reservations")
    assert.notProperty(bare, "metadata")
    assert.notProperty(bare, "committed_metadata")
    assert.deepInclude(bare, { committed: tokens(5) })
    const [full] = rows(yield* lab.list("include=METADATA,%20committed_metadata,bogus,"), "reservations")
    assert.deepInclude(full, { metadata: { a: 1 }, committed_metadata: { b: 2 } })
  }),

  scenario("#133 ties go by id, upwards", function*(lab) {
    const replies = yield* three(lab)
    const sorted = replies.map(({ json }) => String(json["reservation_id"])).sort()
    assert.deepStrictEqual(ids(yield* lab.list("sort_by=created_at_ms&sort_dir=desc")), sorted)
    assert.deepStrictEqual(ids(yield* lab.list("sort_by=created_at_ms&sort_dir=asc")), sorted)
  }),

  scenario("#123a the newest first, page by page, in every order", function*(lab) {
    const made: Array<Reply> = []
    for (const [i, n] of [5, 4, 3, 2].entries()) {
      yield* lab.clock(i)
      made.push(yield* lab.R(n, i % 2 === 0 ? {} : { subject: { agent: "x", ...(i === 1 && { tenant: "tenant-a" }) } }))
    }
    const all = made.filter(({ status }) => status === 200).map(({ json }) => json["reservation_id"])
    assert.lengthOf(all, 3)
    assert.deepStrictEqual(ids(yield* lab.list()), [...all].reverse())
    const keys = ["reservation_id", "tenant", "scope_path", "status", "reserved", "created_at_ms", "expires_at_ms"]
    for (const key of keys) {
      for (const dir of ["asc", "desc"]) {
        const whole = ids(yield* lab.list(`sort_by=${key}&sort_dir=${dir}`))
        const seen: Array<unknown> = []
        let cursor = ""
        do {
          const page = yield* lab.list(`sort_by=${key}&sort_dir=${dir}&limit=1${cursor}`)
          seen.push(ids(page)[0])
          cursor = page.json["next_cursor"] === undefined ? "" : `&${cursorOf(page)}`
        } while (cursor !== "")
        assert.deepStrictEqual(seen, whole, `${key} ${dir}`)
        assert.sameMembers(whole, all)
      }
    }
  }),

  scenario("#134 balances need a level", function*(lab) {
    yield* lab.budget(Q, 5000)
    refuses(yield* lab.balances(""), 400, "INVALID_REQUEST", "tenant/workspace/app/workflow/agent/toolset")
    refuses(yield* lab.balances("agent="), 400, "INVALID_REQUEST")
    const paths = (reply: Reply) => rows(is(reply, 200), "balances").map((row) => row["scope_path"])
    assert.deepStrictEqual(paths(yield* lab.balances("tenant=tenant-a&include_children=false")), [A, Q])
    assert.deepStrictEqual(paths(yield* lab.balances("agent=x")), [Q])
    const first = is(yield* lab.balances("tenant=tenant-a&limit=1"), 200, { has_more: true })
    const second = yield* lab.balances(`tenant=tenant-a&limit=1&${cursorOf(first)}`)
    assert.deepStrictEqual([...paths(first), ...paths(second)], [A, Q])
    is(second, 200, { has_more: false, next_cursor: absent })
  }),

  scenario("#135 debt and the flag are shown, a limit of zero is not", function*(lab) {
    yield* lab.budget(A, 1_000_000, { debt: Amount.tokens(5), isOverLimit: true })
    const [row] = rows(yield* lab.balances("tenant=tenant-a"), "balances")
    assert.deepInclude(row, { debt: tokens(5), is_over_limit: true })
    assert.notProperty(row, "overdraft_limit")
  }, "999995/0/0/5!"),

  scenario("#136 every unit and every status", function*(lab) {
    yield* lab.authority.putBudget({ scope: A, allocated: Amount.credits(7), status: "CLOSED" })
    const units = rows(yield* lab.balances("tenant=tenant-a"), "balances")
      .map((row) => (row["remaining"] as { unit: string }).unit)
    assert.deepStrictEqual(units, ["CREDITS", "TOKENS"])
  })
]
