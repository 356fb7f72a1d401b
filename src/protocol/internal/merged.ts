/**
 * Maps put together.
 */

type Members = Readonly<Record<string, unknown>>

const nothing: Members = {}

/**
 * One map of all: of a name that several have, the last one counts, and `__proto__` is a name like any other. What is spread first is empty,
 * because V8 copies the first as a whole and gives what is added to that copy a hidden class of its own, which makes it ten times as dear.
 */
export const merged = (a?: Members, b?: Members, c?: Members, d?: Members, e?: Members): Members => ({
  ...nothing,
  ...a,
  ...b,
  ...c,
  ...d,
  ...e
})
