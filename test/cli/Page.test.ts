import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { BrowserContext, Page } from "playwright-core"
import { browser, notAtHand, open } from "./support/browser.js"
import { ask, dev, type Server } from "./support/program.js"

const wait = <A>(what: Promise<A>): Effect.Effect<A> => Effect.promise(() => what)

/** Sends a request to the runtime API, and gives its answer. */
const call = ({ key, url }: Server, path: string, body: Record<string, unknown>) =>
  Effect.map(
    ask(`${url}/v1/${path}`, { method: "POST", headers: { "x-cycles-api-key": key }, body }),
    ({ body }) => JSON.parse(body)
  )

let n = 0

const reserve = (server: Server, amount: number, name = "gpt-4o") =>
  call(server, "reservations", {
    idempotency_key: `page-${n++}`,
    subject: { tenant: "acme" },
    action: { kind: "llm.completion", name },
    estimate: { unit: "USD_MICROCENTS", amount }
  })

/** Opens the page. What it loads and what it complains about is kept. */
const visit = (context: BrowserContext, { url }: Server) =>
  Effect.gen(function*() {
    const page = yield* wait(context.newPage())
    const loaded: Array<string> = []
    const complaints: Array<string> = []
    page.on("request", (request) => loaded.push(request.url()))
    page.on("console", (message) => complaints.push(message.text()))
    page.on("pageerror", (error) => complaints.push(error.message))
    yield* wait(page.goto(url))
    yield* says(page, "#status", "live")
    return { page, loaded, complaints }
  })

/** Waits until a place of the page has a text. */
const says = (page: Page, selector: string, text: string | RegExp) =>
  wait(page.locator(selector).filter({ hasText: text }).first().waitFor({ timeout: 10_000 }))

const textOf = (page: Page, selector: string) => wait(page.locator(selector).first().innerText())

/** The text with the least contrast, by the formula of WCAG 2. Runs in the page. */
const leastContrast = () => {
  const channels = (colour: string) => (colour.match(/[\d.]+/g) ?? []).map(Number)
  const luminance = (colour: string) => {
    const [r = 0, g = 0, b = 0] = channels(colour).map((c) => c / 255).map((c) =>
      c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
    )
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const groundOf = (element: Element): string => {
    const { backgroundColor } = getComputedStyle(element)
    return channels(backgroundColor)[3] !== 0 || element.parentElement === null
      ? backgroundColor
      : groundOf(element.parentElement)
  }
  const found = Array.from(document.querySelectorAll<HTMLElement>("body *"))
    .filter((element) =>
      element.checkVisibility() &&
      Array.from(element.childNodes).some(({ nodeType, textContent }) => nodeType === 3 && textContent?.trim() !== "")
    )
    .map((element) => {
      const [dark = 0, light = 0] = [luminance(getComputedStyle(element).color), luminance(groundOf(element))].sort((
        a,
        b
      ) => a - b)
      return { text: element.innerText, contrast: (light + 0.05) / (dark + 0.05) }
    })
  return { count: found.length, least: found.sort((a, b) => a.contrast - b.contrast)[0] }
}

/** What a picture shows: how bright it is on average, and how many different colours it has. The browser reads its own picture. */
const look = (page: Page, selector: string) =>
  Effect.flatMap(
    wait(page.locator(selector).first().screenshot()),
    (png) =>
      wait(page.context().newPage()).pipe(Effect.flatMap((other) =>
        wait(
          other.evaluate(async (base64) => {
            const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
            const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }))
            const canvas = new OffscreenCanvas(bitmap.width, bitmap.height)
            const context = canvas.getContext("2d")
            if (context === null) throw new Error("no canvas")
            context.drawImage(bitmap, 0, 0)
            const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height)
            const middle: Array<string> = []
            const colours = new Set<string>()
            let sum = 0
            for (let i = 0; i < data.length; i += 4) {
              const colour = [data[i], data[i + 1], data[i + 2]].join(",")
              colours.add(colour)
              sum += ((data[i] ?? 0) + (data[i + 1] ?? 0) + (data[i + 2] ?? 0)) / 3
              if (Math.floor(i / 4 / bitmap.width) === Math.floor(bitmap.height / 2)) middle.push(colour)
            }
            return { brightness: sum / (data.length / 4), colours: colours.size, middle }
          }, png.toString("base64")).finally(() => other.close())
        )
      ))
  )

describe("the page", { timeout: 60_000 }, () => {
  it.scopedLive("shows what happens, by itself", (ctx) =>
    Effect.gen(function*() {
      if (browser === undefined) return ctx.skip(notAtHand)
      const server = yield* dev(["--budget", "tenant:acme=10usd", "--budget", "tenant:acme/agent:x=2000tokens"])
      const { complaints, loaded, page } = yield* visit(yield* open(browser), server)
      yield* says(page, ".card h3", "tenant:acme")
      assert.deepStrictEqual(yield* wait(page.locator(".card .left").allInnerTexts()), [
        "$10.00\nleft of $10.00",
        "2,000 tokens\nleft of 2,000 tokens"
      ])
      yield* says(page, "#live .empty", "Nothing is held")
      yield* says(page, "#decisions .empty", "Nothing was asked yet")

      const { reservation_id: id } = yield* reserve(server, 200_000_000, "<img src=x onerror=alert(1)>")
      yield* says(page, "#live td.what", "llm.completion <img src=x onerror=alert(1)>")
      yield* says(page, "#live td.what", id)
      assert.match(yield* textOf(page, "#live td.ends"), /^(?:1 min 0|[45]\d) s$/)
      yield* says(page, ".card .left", "$8.00")
      const held = yield* wait(page.locator(".card .track").first().getAttribute("aria-label"))
      assert.strictEqual(held, "0% spent, 20% held")

      yield* call(server, `reservations/${id}/commit`, {
        idempotency_key: "c",
        actual: { unit: "USD_MICROCENTS", amount: 100_000_001 }
      })
      yield* says(page, ".card .left", "$8.99999999")
      yield* says(page, "#live .empty", "Nothing is held")

      yield* reserve(server, 900_000_000)
      yield* says(page, "#decisions td.verdict", "budget exceeded")
      const rows = () =>
        wait(
          page.locator("#decisions tr").evaluateAll((rows) =>
            rows.slice(1).map((row) =>
              Array.from(row.children).slice(1).map((cell) => cell instanceof HTMLElement ? cell.innerText : "")
            )
          )
        )
      const denial = ["budget exceeded", "reserve\ntenant:acme", "$9.00"]
      const name = "llm.completion <img src=x onerror=alert(1)>\ntenant:acme"
      assert.deepStrictEqual(yield* rows(), [
        denial,
        ["committed", name, "$1.00000001\n$2.00 held"],
        ["reserved", name, "$2.00"]
      ])
      yield* wait(page.locator("#denials").focus())
      yield* wait(page.keyboard.press("Space"))
      assert.deepStrictEqual(yield* rows(), [denial])

      assert.deepStrictEqual(complaints, [])
      assert.deepStrictEqual(Array.from(new Set(loaded.map((url) => new URL(url).origin))), [server.url])
    }))

  it.scopedLive("reads well in light and dark, wide and narrow", (ctx) =>
    Effect.gen(function*() {
      if (browser === undefined) return ctx.skip(notAtHand)
      const long = `tenant:acme/workspace:${"w".repeat(60)}/agent:${"x".repeat(100)}`
      const server = yield* dev(["--budget", "tenant:acme=10usd", "--budget", `${long}=9223372036854775807tokens`])
      const { reservation_id: id } = yield* reserve(server, 500_000_000)
      yield* call(server, `reservations/${id}/commit`, {
        idempotency_key: "c",
        actual: { unit: "USD_MICROCENTS", amount: 500_000_000 }
      })
      yield* reserve(server, 250_000_000, "m".repeat(256))
      yield* reserve(server, 900_000_000)
      const { page } = yield* visit(yield* open(browser), server)
      yield* wait(page.emulateMedia({ reducedMotion: "reduce" }))
      yield* says(page, ".card .left", "$2.50")
      for (const [scheme, bright] of [["light", true], ["dark", false]] as const) {
        yield* wait(page.emulateMedia({ colorScheme: scheme }))
        for (const width of [1280, 700, 320]) {
          yield* wait(page.setViewportSize({ width, height: 900 }))
          const { count, least } = yield* wait(page.evaluate(leastContrast))
          assert.isAbove(count, 15)
          assert.isAtLeast(least?.contrast ?? 0, 4.5, `${scheme}, ${width} wide: ${least?.text}`)
          const overflow = yield* wait(page.evaluate(() => document.documentElement.scrollWidth - innerWidth))
          assert.isAtMost(overflow, 0, `${scheme}, ${width} wide`)
        }
        const { brightness, colours } = yield* look(page, "body")
        assert.strictEqual(brightness > 128, bright, `${scheme}: ${brightness}`)
        assert.isAbove(colours, 50)
        // Half is spent, in one colour; a quarter is held, in stripes; a quarter is left, in another colour.
        const { middle } = yield* look(page, ".card .track")
        const quarters = [0, 1, 2, 3].map((i) =>
          new Set(middle.slice(Math.floor((i + 0.2) * middle.length / 4), Math.floor((i + 0.8) * middle.length / 4)))
        )
        const [first = new Set(), second = new Set(), third = new Set(), last = new Set()] = quarters
        assert.deepStrictEqual([first.size, last.size, first], [1, 1, second])
        assert.notDeepEqual(first, last)
        assert.isAbove(third.size, 1)
      }
    }))

  it.scopedLive("is used with the keyboard, and finds its server again", (ctx) =>
    Effect.gen(function*() {
      if (browser === undefined) return ctx.skip(notAtHand)
      const context = yield* open(browser)
      const gone = yield* Effect.scoped(Effect.gen(function*() {
        const server = yield* dev()
        const { page } = yield* visit(context, server)
        const focus = () => wait(page.evaluate(() => document.activeElement?.textContent?.trim() ?? ""))
        yield* wait(page.keyboard.press("Tab"))
        assert.strictEqual(yield* focus(), "Skip to the budgets")
        assert.isTrue(yield* wait(page.locator(".skip").evaluate((link) => link.getBoundingClientRect().left >= 0)))
        yield* wait(page.keyboard.press("Tab"))
        assert.strictEqual(yield* focus(), "Pause")
        yield* wait(page.keyboard.press("Enter"))
        yield* says(page, "#status", "paused")
        assert.strictEqual(yield* focus(), "Resume")
        yield* reserve(server, 100_000_000)
        yield* Effect.sleep("1 second")
        assert.include(yield* textOf(page, ".card .left"), "$10.00")
        yield* wait(page.keyboard.press("Space"))
        yield* says(page, ".card .left", "$9.00")
        assert.strictEqual(yield* focus(), "Pause")
        return { page, port: new URL(server.url).port }
      }))
      yield* says(gone.page, "#status", "connection lost, trying again")
      yield* dev(["--port", gone.port, "--budget", "tenant:acme=3usd"])
      yield* says(gone.page, "#status", "live")
      yield* says(gone.page, ".card .left", "$3.00")
    }))
})
