/**
 * Draws what the feed says. The server has put every figure into words already: nothing is computed here but the time that is left.
 *
 * @typedef {{ scope: string, remaining: string, below: boolean, allocated: string, facts: Array<[string, string]>,
 *   chips: Array<[string, string]>, parts: { spent: number, held: number, debt: number }, spoken: string }} Budget
 * @typedef {{ id: string, scope: string, action: string, held: string, endsAt: number }} Live
 * @typedef {{ at: number, verdict: string, tone: string, denial: boolean, scope: string, action: string, amount: string,
 *   note: string }} Decision
 * @typedef {{ now: number, budgets: Array<Budget>, moreBudgets: number, live: Array<Live>, moreLive: number,
 *   decisions: Array<Decision> }} Feed
 */

/** @type {(selector: string) => HTMLElement} */
const find = (selector) => {
  const found = document.querySelector(selector)
  if (!(found instanceof HTMLElement)) throw new Error(`the page has no ${selector}`)
  return found
}

/** @type {(name: string, classes?: string, ...children: Array<Node | string>) => HTMLElement} */
const make = (name, classes = "", ...children) => {
  const element = document.createElement(name)
  if (classes !== "") element.className = classes
  element.append(...children)
  return element
}

const status = find("#status")
const pause = find("#pause")
const denials = /** @type {HTMLInputElement} */ (find("#denials"))

/** A scope may break after its slashes; its last segment says whose it is. @type {(scope: string) => Array<Node | string>} */
const scopeOf = (scope) => {
  const cut = scope.lastIndexOf("/") + 1
  return [...breakable(scope.slice(0, cut)), make("b", "", ...breakable(scope.slice(cut)))]
}

/** @type {(text: string) => Array<Node | string>} */
const breakable = (text) => text.split(/(?<=[/-])/).flatMap((part) => [part, make("wbr")])

/** @type {(action: string, scope: string, ...more: Array<Node>) => HTMLElement} */
const what = (action, scope, ...more) =>
  make("td", "what", ...breakable(action), make("small", "", ...scopeOf(scope)), ...more)

/** @type {(tone: string, text: string) => HTMLElement} */
const chip = (tone, text) => make("span", `chip ${tone}`, text)

/** @type {(at: number) => string} */
const clock = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" })

/** @type {(ms: number) => string} */
const span = (ms) => {
  const s = Math.ceil(ms / 1000)
  if (s <= 0) return "now"
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
}

/** @type {(budget: Budget) => HTMLElement} */
const card = ({ allocated, below, chips, facts, parts, remaining, scope, spoken }) => {
  const track = make("div", "track")
  track.setAttribute("role", "img")
  track.setAttribute("aria-label", spoken)
  for (const [name, share] of Object.entries(parts)) {
    if (share === 0) continue
    const part = make("div", `part ${name}`)
    part.style.width = `${share / 10}%`
    track.append(part)
  }
  const list = make("dl")
  for (const [name, value] of facts) list.append(make("div", "", make("dt", "", name), make("dd", "", value)))
  const top = make("div", "top", make("h3", "", ...scopeOf(scope)), ...chips.map(([tone, text]) => chip(tone, text)))
  const left = make("p", "left", make("b", below ? "below" : "", remaining), `left of ${allocated}`)
  return make("li", "card", top, left, track, list)
}

/** @type {(row: Live) => HTMLElement} */
const liveRow = ({ action, endsAt, held, id, scope }) => {
  const ends = make("td", "n ends")
  ends.dataset["endsAt"] = String(endsAt)
  return make("tr", "", what(action, scope, make("code", "", ...breakable(id))), make("td", "n", held), ends)
}

/** @type {(decision: Decision) => HTMLElement} */
const decisionRow = ({ action, amount, at, note, scope, tone, verdict }) =>
  make(
    "tr",
    "",
    make("td", "time", clock(at)),
    make("td", "verdict", chip(tone, verdict)),
    what(action, scope),
    make("td", "n", amount, ...(note === "" ? [] : [make("small", "", note)]))
  )

/** @type {(section: string, count: number, body: Array<HTMLElement>, more: number) => void} */
const fill = (section, count, body, more) => {
  const list = find(`${section} ul, ${section} tbody`)
  list.replaceChildren(...body)
  find(`${section} .count`).textContent = count === 0 ? "" : String(count)
  find(`${section} .empty`).hidden = body.length > 0
  const frame = document.querySelector(`${section} .scroll`)
  if (frame instanceof HTMLElement) frame.hidden = body.length === 0
  const note = document.querySelector(`${section} .more`)
  if (!(note instanceof HTMLElement)) return
  note.hidden = more === 0
  note.textContent = `and ${more} more, not shown`
}

/** What is on the page, and what the page will show when it is not paused. @type {Feed | undefined} */
let shown
/** @type {Feed | undefined} */
let latest
/** By how much the server's clock is ahead of this one, in ms. */
let ahead = 0
let paused = false

/** What changed is drawn anew; the rest stays as it is, with its focus and its scroll position. @type {Map<string, string>} */
const drawn = new Map()

/** @type {(section: string, data: unknown, redraw: () => void) => void} */
const whenChanged = (section, data, redraw) => {
  const text = JSON.stringify(data)
  if (drawn.get(section) === text) return
  drawn.set(section, text)
  redraw()
}

const tick = () => {
  if (paused) return
  for (const cell of document.querySelectorAll("td.ends")) {
    if (!(cell instanceof HTMLElement)) continue
    const left = Number(cell.dataset["endsAt"]) - (Date.now() + ahead)
    cell.textContent = span(left)
    cell.classList.toggle("soon", left < 10_000)
  }
}

const draw = () => {
  if (!paused) shown = latest
  if (shown === undefined) return
  const { budgets, decisions, live, moreBudgets, moreLive } = shown
  whenChanged(
    "#budgets",
    [budgets, moreBudgets],
    () => fill("#budgets", budgets.length + moreBudgets, budgets.map(card), moreBudgets)
  )
  whenChanged("#live", [live, moreLive], () => fill("#live", live.length + moreLive, live.map(liveRow), moreLive))
  const chosen = denials.checked ? decisions.filter(({ denial }) => denial) : decisions
  whenChanged("#decisions", chosen, () => fill("#decisions", chosen.length, chosen.map(decisionRow), 0))
  tick()
}

/** @type {"connecting" | "live" | "lost"} */
let connection = "connecting"

const announce = () => {
  const state = paused ? "paused" : connection
  const text = state === "lost" ? "connection lost, trying again" : state
  if (status.dataset["state"] === state && status.textContent === text) return
  status.dataset["state"] = state
  find("main").classList.toggle("stale", state === "lost")
  status.textContent = text
}

/** @type {(next: typeof connection) => void} */
const become = (next) => {
  connection = next
  announce()
}

pause.addEventListener("click", () => {
  paused = !paused
  pause.setAttribute("aria-pressed", String(paused))
  pause.textContent = paused ? "Resume" : "Pause"
  announce()
  draw()
})
denials.addEventListener("change", draw)

const feed = new EventSource("/dev/feed")
feed.addEventListener("open", () => become("live"))
feed.addEventListener("error", () => become("lost"))
feed.addEventListener("message", ({ data }) => {
  /** @type {Feed} */
  const next = JSON.parse(data)
  latest = next
  ahead = next.now - Date.now()
  become("live")
  draw()
})
setInterval(tick, 1000)
