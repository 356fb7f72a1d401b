/**
 * Compares two OpenAPI 3.1 documents as far as the wire is concerned: texts, examples, titles and the names of components
 * do not count, and neither does whether a schema is written in place or behind a `$ref`.
 */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | JsonMap
export interface JsonMap {
  readonly [key: string]: Json
}

export interface Difference {
  /** Such as `$.createEvent.responses.201.properties.charged.properties.amount.minimum`. */
  readonly location: string
  readonly ours: Json | undefined
  readonly theirs: Json | undefined
}

const methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"]

const keywords = [
  "type",
  "format",
  "pattern",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minItems",
  "maxItems",
  "uniqueItems",
  "minProperties",
  "maxProperties",
  "default",
  "enum",
  "required"
]

const isMap = (value: Json | undefined): value is JsonMap =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const map = (value: Json | undefined): JsonMap => isMap(value) ? value : {}

const list = (value: Json | undefined): ReadonlyArray<Json> => Array.isArray(value) ? value as ReadonlyArray<Json> : []

const text = (value: Json | undefined): string => JSON.stringify(value) ?? "absent"

const union = (a: Iterable<string>, b: Iterable<string>): ReadonlyArray<string> => [...new Set([...a, ...b])]

/** Follows `$ref`; what stands beside it wins. */
const resolve = (document: JsonMap, value: Json | undefined): JsonMap => {
  let node = map(value)
  for (let hops = 0; typeof node["$ref"] === "string"; hops++) {
    const pointer = node["$ref"]
    const target = pointer.split("/").slice(1).reduce<Json | undefined>((at, key) => map(at)[key], document)
    if (!isMap(target) || hops > 20) throw new Error(`${pointer} leads nowhere`)
    const { $ref: _, ...beside } = node
    node = { ...target, ...beside }
  }
  return node
}

/** One spelling for the things that have two. */
const keywordOf = (schema: JsonMap, keyword: string): Json | undefined => {
  const value = keyword === "enum" && schema["const"] !== undefined ? [schema["const"]] : schema[keyword]
  switch (keyword) {
    case "enum":
      return value === undefined ? undefined : list(value).map(text).sort()
    case "required":
      return list(value).map(text).sort()
    case "type":
      return Array.isArray(value) ? value.map(text).sort() : value
    default:
      return value
  }
}

interface Operation {
  readonly path: string
  readonly method: string
  readonly shared: ReadonlyArray<Json>
  readonly node: JsonMap
}

const operationsOf = (document: JsonMap): ReadonlyMap<string, Operation> =>
  new Map(
    Object.entries(map(document["paths"])).flatMap(([path, item]) =>
      Object.entries(map(item)).filter(([method]) => methods.includes(method)).map(([method, node]) =>
        [
          String(map(node)["operationId"]),
          { path, method, shared: list(map(item)["parameters"]), node: map(node) }
        ] as const
      )
    )
  )

/** Every way to be allowed in, as the headers that it needs; none at all when the operation is public. */
const securityOf = (document: JsonMap, operation: JsonMap): Json => {
  const schemes = map(map(document["components"])["securitySchemes"])
  return list(operation["security"] ?? document["security"]).map((alternative) =>
    Object.keys(map(alternative)).map((name) => {
      const scheme = resolve(document, schemes[name])
      return `${text(scheme["type"])} ${text(scheme["in"])} ${text(scheme["name"]).toLowerCase()}`
    }).sort().join(" and ")
  ).sort()
}

const parametersOf = (document: JsonMap, { node, shared }: Operation): ReadonlyMap<string, JsonMap> =>
  new Map([...shared, ...list(node["parameters"])].map((value) => {
    const parameter = resolve(document, value)
    const name = String(parameter["name"])
    return [
      `${String(parameter["in"])} ${parameter["in"] === "header" ? name.toLowerCase() : name}`,
      parameter
    ]
  }))

const isSuccess = (status: string) => /^2/.test(status)

const bodyOf = (document: JsonMap, carrier: Json | undefined) => map(resolve(document, carrier)["content"])

/** What differs, in words that say where. `ours` may declare more error statuses than `theirs`, and nothing else. */
export const compare = (ours: JsonMap, theirs: JsonMap): ReadonlyArray<Difference> => {
  const differences: Array<Difference> = []

  const same = (location: string, a: Json | undefined, b: Json | undefined): void => {
    if (text(a) !== text(b)) differences.push({ location, ours: a, theirs: b })
  }

  const both = (
    location: string,
    a: JsonMap,
    b: JsonMap,
    f: (location: string, a: Json, b: Json) => void
  ): void => {
    for (const key of union(Object.keys(a), Object.keys(b))) {
      const [left, right] = [a[key], b[key]]
      if (left === undefined || right === undefined) {
        same(
          `${location}.${key}`,
          left === undefined ? undefined : "present",
          right === undefined ? undefined : "present"
        )
      } else {
        f(`${location}.${key}`, left, right)
      }
    }
  }

  const additional = (location: string, a: Json | undefined, b: Json | undefined): void => {
    if (isMap(a) && isMap(b)) schema(location, a, b)
    else same(location, a ?? true, b ?? true)
  }

  const alternatives = (location: string, a: Json | undefined, b: Json | undefined): void => {
    const sorted = (document: JsonMap, value: Json | undefined) =>
      list(value).map((one) => resolve(document, one)).sort((x, y) => text(x) < text(y) ? -1 : 1)
    const [left, right] = [sorted(ours, a), sorted(theirs, b)]
    same(`${location}.length`, left.length, right.length)
    left.forEach((one, i) => {
      if (right[i] !== undefined) schema(`${location}.${i}`, one, right[i])
    })
  }

  const schema = (location: string, a: Json | undefined, b: Json | undefined): void => {
    const [left, right] = [resolve(ours, a), resolve(theirs, b)]
    for (const keyword of keywords) {
      same(`${location}.${keyword}`, keywordOf(left, keyword), keywordOf(right, keyword))
    }
    both(`${location}.properties`, map(left["properties"]), map(right["properties"]), schema)
    if (left["items"] !== undefined || right["items"] !== undefined) {
      schema(`${location}.items`, left["items"], right["items"])
    }
    if (left["type"] === "object" && right["type"] === "object") {
      additional(`${location}.additionalProperties`, left["additionalProperties"], right["additionalProperties"])
    }
    for (const keyword of ["anyOf", "oneOf", "allOf"]) {
      alternatives(`${location}.${keyword}`, left[keyword], right[keyword])
    }
  }

  const media = (location: string, a: JsonMap, b: JsonMap): void =>
    both(location, a, b, (at, x, y) => schema(at, map(x)["schema"], map(y)["schema"]))

  const responses = (location: string, a: JsonMap, b: JsonMap): void => {
    same(`${location}.success`, Object.keys(a).filter(isSuccess).sort(), Object.keys(b).filter(isSuccess).sort())
    for (const status of Object.keys(b)) {
      if (a[status] !== undefined) {
        media(`${location}.${status}`, bodyOf(ours, a[status]), bodyOf(theirs, b[status]))
      } else if (!isSuccess(status)) {
        same(`${location}.${status}`, undefined, "present")
      }
    }
  }

  const parameter = (location: string, a: JsonMap, b: JsonMap): void => {
    const style = (value: JsonMap) => value["style"] ?? (value["in"] === "query" ? "form" : "simple")
    const explode = (value: JsonMap) => value["explode"] ?? style(value) === "form"
    same(`${location}.required`, a["required"] ?? false, b["required"] ?? false)
    schema(location, a["schema"], b["schema"])
    if (resolve(theirs, b["schema"])["type"] === "array") {
      same(`${location}.style`, style(a), style(b))
      same(`${location}.explode`, explode(a), explode(b))
    }
  }

  const operation = (location: string, a: Operation, b: Operation): void => {
    same(`${location}.path`, a.path, b.path)
    same(`${location}.method`, a.method, b.method)
    same(`${location}.security`, securityOf(ours, a.node), securityOf(theirs, b.node))
    both(
      `${location}.parameters`,
      Object.fromEntries(parametersOf(ours, a)),
      Object.fromEntries(parametersOf(theirs, b)),
      (at, x, y) => parameter(at, map(x), map(y))
    )
    const [sent, expected] = [resolve(ours, a.node["requestBody"]), resolve(theirs, b.node["requestBody"])]
    same(`${location}.requestBody.required`, sent["required"] ?? false, expected["required"] ?? false)
    media(`${location}.requestBody`, map(sent["content"]), map(expected["content"]))
    responses(`${location}.responses`, map(a.node["responses"]), map(b.node["responses"]))
  }

  const [left, right] = [operationsOf(ours), operationsOf(theirs)]
  for (const id of union(left.keys(), right.keys())) {
    const [a, b] = [left.get(id), right.get(id)]
    if (a === undefined || b === undefined) same(`$.${id}`, a && "present", b && "present")
    else operation(`$.${id}`, a, b)
  }
  return differences
}

export const render = ({ location, ours, theirs }: Difference): string =>
  `${location}: ours ${text(ours)}, published ${text(theirs)}`
