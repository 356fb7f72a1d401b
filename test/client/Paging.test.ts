import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Paging from "../../src/client/Paging.js"
import { balance, refusal, row } from "./support/samples.js"
import { answer, type Script, talk, transports } from "./support/server.js"

const [[, fetch] = assert.fail()] = transports

interface Page {
  readonly rows: ReadonlyArray<string>
  readonly more?: Readonly<Record<string, unknown>>
}

/** Answers with one page after the other, then refuses. */
const script = (...pages: ReadonlyArray<Page>): Script => (response, request, n) => {
  const page = pages[n - 1]
  const body = {
    reservations: page?.rows.map((id) => ({ ...row, reservation_id: id })),
    balances: page?.rows.map((scope) => ({ ...balance, scope })),
    ...page?.more
  }
  const send = page === undefined ? answer(500, refusal("INTERNAL_ERROR")) : answer(200, body)
  send(response, request, n)
}

const cursors = (requests: ReadonlyArray<{ readonly target: string }>) =>
  requests.map(({ target }) => new URL(target, "http://x").searchParams.get("cursor"))

const listings = [
  [
    "reservations",
    (client: Parameters<typeof Paging.reservations>[0], cursor?: string) =>
      Stream.map(
        Paging.reservations(client, { tenant: "acme", limit: 2, cursor }),
        ({ reservationId }) => `${reservationId}`
      )
  ],
  [
    "balances",
    (client: Parameters<typeof Paging.balances>[0], cursor?: string) =>
      Stream.map(Paging.balances(client, { tenant: "acme", limit: 2, cursor }), ({ scope }) => scope)
  ]
] as const

for (const [name, list] of listings) {
  const all = (pages: ReadonlyArray<Page>, cursor?: string) =>
    Effect.gen(function*() {
      const { client, server } = yield* talk(fetch, script(...pages))
      const rows = yield* Effect.either(Stream.runCollect(list(client, cursor)))
      return {
        rows: rows._tag === "Right" ? Chunk.toReadonlyArray(rows.right) : rows.left._tag,
        cursors: cursors(server.requests),
        server
      }
    })

  describe(`paging of ${name}`, () => {
    it.scopedLive("reads page after page with the same filter", () =>
      Effect.gen(function*() {
        const { cursors, rows, server } = yield* all([
          { rows: ["a", "b"], more: { next_cursor: "c1", has_more: true } },
          { rows: ["c"], more: { next_cursor: "c2" } },
          { rows: ["d"], more: { next_cursor: null, has_more: false } }
        ])
        assert.deepStrictEqual(rows, ["a", "b", "c", "d"])
        assert.deepStrictEqual(cursors, [null, "c1", "c2"])
        for (const { target } of server.requests) assert.match(target, /tenant=acme&limit=2/)
      }))

    it.scopedLive("starts at the cursor of the filter", () =>
      Effect.gen(function*() {
        const { cursors, rows } = yield* all([{ rows: ["a"], more: { next_cursor: "c2" } }, { rows: ["b"] }], "c1")
        assert.deepStrictEqual(rows, ["a", "b"])
        assert.deepStrictEqual(cursors, ["c1", "c2"])
      }))

    for (
      const [end, more] of [
        ["has_more is false, whatever the cursor", { next_cursor: "c1", has_more: false }],
        ["there is no cursor, whatever has_more", { has_more: true }],
        ["the cursor is empty", { next_cursor: "", has_more: true }],
        ["both are null", { next_cursor: null, has_more: null }]
      ] as const
    ) {
      it.scopedLive(`ends when ${end}`, () =>
        Effect.gen(function*() {
          const { cursors, rows } = yield* all([{ rows: ["a"], more }])
          assert.deepStrictEqual(rows, ["a"])
          assert.strictEqual(cursors.length, 1)
        }))
    }

    it.scopedLive("an empty page is no end, an empty last page adds nothing", () =>
      Effect.gen(function*() {
        const { rows } = yield* all([
          { rows: [], more: { next_cursor: "c1" } },
          { rows: ["a"], more: { next_cursor: "c2" } },
          { rows: [] }
        ])
        assert.deepStrictEqual(rows, ["a"])
      }))

    it.scopedLive("fetches no page that is not read, and again from the start when it runs again", () =>
      Effect.gen(function*() {
        const page: Page = { rows: ["a", "b"], more: { next_cursor: "c1" } }
        const { client, server } = yield* talk(fetch, script(page, page, page))
        const first = Stream.runCollect(Stream.take(list(client), 1))
        assert.deepStrictEqual(Chunk.toReadonlyArray(yield* first), ["a"])
        assert.strictEqual(server.requests.length, 1)
        assert.deepStrictEqual(Chunk.toReadonlyArray(yield* first), ["a"])
        assert.deepStrictEqual(cursors(server.requests), [null, null])
      }))

    it.scopedLive("a cursor that comes again is an error, not a loop and not an end", () =>
      Effect.gen(function*() {
        const again = yield* all([{ rows: ["a"], more: { next_cursor: "c1" } }, {
          rows: ["b"],
          more: { next_cursor: "c1" }
        }])
        assert.deepStrictEqual([again.rows, again.cursors.length], ["Ambiguous", 2])
        const circle = yield* all([
          { rows: ["a"], more: { next_cursor: "c1" } },
          { rows: ["b"], more: { next_cursor: "c2" } },
          { rows: ["c"], more: { next_cursor: "c0" } }
        ], "c0")
        assert.deepStrictEqual([circle.rows, circle.cursors.length], ["Ambiguous", 3])
      }))

    it.scopedLive("errors surface after the rows before them", () =>
      Effect.gen(function*() {
        const { client } = yield* talk(fetch, script({ rows: ["a"], more: { next_cursor: "c1" } }))
        const seen: Array<string> = []
        const error = yield* Effect.flip(Stream.runForEach(list(client), (text) => Effect.sync(() => seen.push(text))))
        assert.strictEqual(error._tag, "InternalError")
        assert.deepStrictEqual(seen, ["a"])
      }))
  })
}
