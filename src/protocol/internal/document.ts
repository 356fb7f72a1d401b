/**
 * What the derived OpenAPI document needs besides the schemas: security, response headers, and no `null` where our reader
 * merely tolerates it.
 */
import { levels } from "../Subject.js"

type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

const isNull = (schema: Json): boolean =>
  typeof schema === "object" && schema !== null && "type" in schema && schema.type === "null"

const isObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** `anyOf: [A, null]` is `A`; a map's nested schema for "anything" is `true`. */
const tidy = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(tidy)
  if (!isObject(value)) return value
  if (value["$id"] === "/schemas/unknown") return true
  const { anyOf, ...rest } = value
  if (Array.isArray(anyOf) && anyOf.some(isNull)) {
    const others = anyOf.filter((schema) => !isNull(schema))
    if (others.length === 1 && isObject(others[0])) return tidy({ ...rest, ...others[0] })
  }
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, tidy(v)]))
}

const header = (type: "integer" | "string", description: string): Json => ({ description, schema: { type } })

const headers: Json = {
  "X-Request-Id": header("string", "the authority's id of the request"),
  "X-Cycles-Trace-Id": header("string", "the trace that the request belongs to, 32 lowercase hexadecimal digits"),
  "X-Cycles-Tenant": header("string", "the tenant of the key"),
  "X-RateLimit-Remaining": header("integer", "requests left in the window, -1 when unlimited"),
  "X-RateLimit-Reset": header("integer", "end of the window in epoch seconds"),
  "Retry-After": header("integer", "seconds to wait, on 429")
}

const mapValues = (
  value: Json | undefined,
  f: (value: { readonly [key: string]: Json }, key: string) => Json
): { readonly [key: string]: Json } =>
  isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([key, v]) => [key, isObject(v) ? f(v, key) : v]))
    : {}

/** What an absent member of a request means; the authority applies it, so the schemas do not. */
const defaults: { readonly [schema: string]: { readonly [property: string]: Json } } = {
  ReservationCreateRequest: {
    ttl_ms: 60_000,
    grace_period_ms: 5_000,
    overage_policy: "ALLOW_IF_AVAILABLE",
    dry_run: false
  },
  EventCreateRequest: { overage_policy: "ALLOW_IF_AVAILABLE" }
}

const withDefaults = (schema: { readonly [key: string]: Json }, name: string): Json => ({
  ...schema,
  ...(Object.hasOwn(defaults, name) && {
    properties: mapValues(schema["properties"], (property, key) => {
      const value = defaults[name]?.[key]
      return value === undefined ? property : { ...property, default: value }
    })
  })
})

/** A list in a query is one parameter, separated by commas. */
const parameter = (value: Json): Json =>
  isObject(value) && isObject(value["schema"]) && value["schema"]["type"] === "array"
    ? { ...value, style: "form", explode: false }
    : value

const errorBody: Json = { "application/json": { schema: { $ref: "#/components/schemas/ErrorResponse" } } }

/** An operation without a word on security takes the document's; `[{}]` says that it needs no key. */
const operation = ({ parameters, security, ...rest }: { readonly [key: string]: Json }): Json => ({
  ...rest,
  ...(Array.isArray(parameters) && { parameters: parameters.map(parameter) }),
  ...(Array.isArray(security) && security.length > 0 &&
    { security: security.filter((scheme) => !isObject(scheme) || Object.keys(scheme).length > 0) }),
  responses: mapValues(rest["responses"], (response, status) => ({
    ...response,
    headers,
    ...(Number(status) >= 400 && { content: errorBody })
  }))
})

const schemasOf = (components: Json | undefined): { readonly [key: string]: Json } =>
  isObject(components) && isObject(components["schemas"]) ? components["schemas"] : {}

/** Completes the document that was derived from the Api value. */
export const describe = (derived: Record<string, unknown>): Record<string, unknown> => {
  const spec = tidy(derived as { readonly [key: string]: Json })
  if (!isObject(spec)) return derived
  const { HttpApiDecodeError: _, Issue: __, PropertyKey: ___, Subject, ...schemas } = schemasOf(spec["components"])
  return {
    ...spec,
    security: [{ ApiKeyAuth: [] }],
    paths: mapValues(spec["paths"], (path) => mapValues(path, operation)),
    components: {
      securitySchemes: {
        ApiKeyAuth: { type: "apiKey", in: "header", name: "X-Cycles-API-Key" },
        AdminKeyAuth: { type: "apiKey", in: "header", name: "X-Admin-API-Key" }
      },
      schemas: {
        ...mapValues(schemas, withDefaults),
        ...(isObject(Subject) && {
          Subject: { ...Subject, minProperties: 1, anyOf: levels.map((level) => ({ required: [level] })) }
        })
      }
    }
  }
}
