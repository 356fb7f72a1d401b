/**
 * Decoders and encoders that are derived from a schema and do the same as the schema in a fraction of the time, for values that fit. What
 * does not fit, and a schema of a kind that is not derived here, is left to the schema itself, which says what is wrong.
 */
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"

export const unfit: unique symbol = Symbol("effect-cycles/unfit")

/** Gives a value, or `unfit`. */
type Step = (input: unknown) => unknown

type Check = (input: unknown) => boolean

/** Thrown while a schema is read: it is of a kind that is not derived. */
const notDerived = Symbol("effect-cycles/notDerived")

const derive = <A>(make: () => A): Either.Either<A, unknown> =>
  Either.try({
    try: make,
    catch: (error) => {
      if (error === notDerived) return error
      throw error
    }
  })

const has = (input: object, name: PropertyKey): boolean => Object.prototype.hasOwnProperty.call(input, name)

const isRecord = (input: unknown): input is Record<PropertyKey, unknown> =>
  typeof input === "object" && input !== null && !Array.isArray(input)

const checkOf: { readonly [Tag in AST.AST["_tag"]]?: (ast: never) => Check } = {
  Literal: ({ literal }: AST.Literal) => (input) => input === literal,
  UndefinedKeyword: () => (input) => input === undefined,
  StringKeyword: () => (input) => typeof input === "string",
  NumberKeyword: () => (input) => typeof input === "number",
  BooleanKeyword: () => (input) => typeof input === "boolean",
  BigIntKeyword: () => (input) => typeof input === "bigint",
  UnknownKeyword: () => () => true
}

/** The check of a kind that has no parts. */
const simple = (ast: AST.AST): Check | undefined => checkOf[ast._tag]?.(ast as never)

/** The members of a union exclude each other when all but one are simple: then their order does not matter. */
const members = <A>({ types }: AST.Union, of: (ast: AST.AST) => A): ReadonlyArray<A> => {
  if (types.filter((type) => simple(type) === undefined).length > 1) throw notDerived
  return types.map(of)
}

const itemOf = ({ elements, rest }: AST.TupleType): AST.AST => {
  const [item, ...more] = rest
  if (item === undefined || more.length > 0 || elements.length > 0) throw notDerived
  return item.type
}

/** The type of the members that have no name of their own. */
const openOf = ({ indexSignatures }: AST.TypeLiteral): AST.AST | undefined => {
  const [open, ...more] = indexSignatures
  if (more.length > 0 || (open !== undefined && !AST.isStringKeyword(open.parameter))) throw notDerived
  return open?.type
}

const named = ({ propertySignatures }: AST.TypeLiteral): ReadonlyArray<AST.PropertySignature> => {
  if (propertySignatures.some(({ name }) => typeof name === "symbol")) throw notDerived
  return propertySignatures
}

const refined = ({ filter }: AST.Refinement, self: AST.Refinement, value: unknown): boolean =>
  Option.isNone(filter(value, AST.defaultParseOption, self))

/** A part of a schema that is run as it is. What takes time is not ours. */
type Run = (input: unknown, options: AST.ParseOptions, self: AST.Declaration) => unknown

const declared = (ast: AST.Declaration, isDecoding: boolean): Step => {
  const parse: Run = isDecoding ? ast.decodeUnknown(...ast.typeParameters) : ast.encodeUnknown(...ast.typeParameters)
  return (input) => {
    const answer = parse(input, AST.defaultParseOption, ast)
    return Either.isEither(answer) && Either.isRight(answer) ? answer.right : unfit
  }
}

const optionOf = (ast: AST.Declaration): AST.AST | undefined =>
  Option.getOrUndefined(AST.getAnnotation<{ readonly _tag?: string }>(ast, AST.TypeConstructorAnnotationId))?._tag ===
      "effect/Option"
    ? ast.typeParameters[0]
    : undefined

/** Whether a value is one of the type of a schema that transforms nothing. */
const check = (ast: AST.AST): Check => {
  const one = simple(ast)
  if (one !== undefined) return one
  switch (ast._tag) {
    case "Union": {
      const any = members(ast, check)
      return (input) => any.some((is) => is(input))
    }
    case "TupleType": {
      const item = check(itemOf(ast))
      return (input) => Array.isArray(input) && input.every(item)
    }
    case "Refinement": {
      const from = check(ast.from)
      return (input) => from(input) && refined(ast, ast, input)
    }
    case "Declaration": {
      const inner = optionOf(ast)
      if (inner !== undefined) {
        const is = check(inner)
        return (input) => Option.isOption(input) && (Option.isNone(input) || is(input.value))
      }
      const whole = declared(ast, true)
      return (input) => whole(input) !== unfit
    }
    case "TypeLiteral": {
      const properties = named(ast).map(({ isOptional, name, type }) => ({ name, isOptional, is: check(type) }))
      const open = openOf(ast)
      const rest = open && check(open)
      return (input) =>
        isRecord(input) &&
        properties.every(({ is, isOptional, name }) => (isOptional && !has(input, name)) || is(input[name])) &&
        (rest === undefined || Object.keys(input).every((key) => rest(input[key])))
    }
    default:
      throw notDerived
  }
}

const struct = (ast: AST.TypeLiteral, isDecoding: boolean): Step => {
  const properties = named(ast).map(({ isOptional, name, type }) => ({ name, isOptional, of: step(type, isDecoding) }))
  const names = new Set(properties.map(({ name }) => name))
  const open = openOf(ast)
  const rest = open && step(open, isDecoding)
  if (properties.length === 0 && rest === undefined) throw notDerived
  return (input) => {
    if (!isRecord(input)) return unfit
    const output: Record<PropertyKey, unknown> = {}
    for (const { isOptional, name, of } of properties) {
      if (isOptional && !has(input, name)) continue
      const value = of(input[name])
      if (value === unfit) return unfit
      output[name] = value
    }
    if (rest === undefined) return output
    for (const key of Object.keys(input)) {
      const value = rest(input[key])
      if (value === unfit) return unfit
      if (!names.has(key)) output[key] = value
    }
    return output
  }
}

/** A struct whose members change their names: read under the one, changed, written under the other. */
const renamed = (
  ast: AST.Transformation,
  { propertySignatureTransformations: changes }: AST.TypeLiteralTransformation,
  isDecoding: boolean
): Step => {
  const [source, target] = isDecoding ? [ast.from, ast.to] : [ast.to, ast.from]
  if (!AST.isTypeLiteral(source) || !AST.isTypeLiteral(target)) throw notDerived
  if (openOf(source) !== undefined || openOf(target) !== undefined) throw notDerived
  // The side that is a mere type was checked or made by the other one: it is looked at, not copied.
  const typed = (type: AST.AST): Step => {
    const is = Either.getOrUndefined(derive(() => check(type)))
    return is === undefined ? step(type, isDecoding) : (input) => is(input) ? input : unfit
  }
  const sources = new Map(named(source).map((property) => [property.name, property]))
  const moves = new Map(
    changes.map((change) =>
      isDecoding
        ? [change.to, [change.from, change.decode]] as const
        : [change.from, [change.to, change.encode]] as const
    )
  )
  const moved = new Set([...moves.values()].map(([from]) => from))
  const members = named(target).map(({ isOptional, name, type }) => {
    const [from, change] = moves.get(name) ?? [name, identity]
    const property = sources.get(from)
    if (property === undefined || (from !== name && (sources.has(name) || moved.has(name)))) throw notDerived
    sources.delete(from)
    return {
      from,
      name,
      isOptional,
      mayLack: property.isOptional,
      // What `Schema.fromKey` alone makes of a member is the member.
      change: change === identity ? undefined : change,
      read: isDecoding ? step(property.type, true) : typed(property.type),
      write: isDecoding ? typed(type) : step(type, false)
    }
  })
  if (sources.size > 0) throw notDerived
  return (input) => {
    if (!isRecord(input)) return unfit
    const output: Record<PropertyKey, unknown> = {}
    for (const { change, from, isOptional, mayLack, name, read, write } of members) {
      let there = !mayLack || has(input, from)
      let value = there ? read(input[from]) : undefined
      if (value === unfit) return unfit
      if (change !== undefined) {
        const changed = change(there ? Option.some(value) : Option.none())
        there = Option.isSome(changed)
        value = Option.getOrUndefined(changed)
      }
      if (!there && isOptional) continue
      const written = write(value)
      if (written === unfit) return unfit
      output[name] = written
    }
    return output
  }
}

const transformed = (ast: AST.Transformation, isDecoding: boolean): Step => {
  const { transformation } = ast
  if (transformation._tag === "TypeLiteralTransformation") return renamed(ast, transformation, isDecoding)
  const before = step(isDecoding ? ast.from : ast.to, isDecoding)
  const after = step(isDecoding ? ast.to : ast.from, isDecoding)
  const change = transformation._tag === "FinalTransformation"
    ? isDecoding ? transformation.decode : transformation.encode
    : Either.right
  return (input) => {
    const value = before(input)
    if (value === unfit) return unfit
    const answer: unknown = change(value, AST.defaultParseOption, ast, input)
    return Either.isEither(answer) && Either.isRight(answer) ? after(answer.right) : unfit
  }
}

const dropRefinements = (ast: AST.AST): AST.AST => AST.isRefinement(ast) ? dropRefinements(ast.from) : ast

const step = (ast: AST.AST, isDecoding: boolean): Step => {
  const one = simple(ast)
  if (one !== undefined) return (input) => one(input) ? input : unfit
  switch (ast._tag) {
    case "Union": {
      const any = members(ast, (type) => step(type, isDecoding))
      return (input) => {
        for (const member of any) {
          const output = member(input)
          if (output !== unfit) return output
        }
        return unfit
      }
    }
    case "TupleType": {
      const item = step(itemOf(ast), isDecoding)
      return (input) => {
        if (!Array.isArray(input)) return unfit
        const output = input.map(item)
        return output.includes(unfit) ? unfit : output
      }
    }
    case "Refinement": {
      if (isDecoding) {
        const from = step(ast.from, true)
        return (input) => {
          const output = from(input)
          return output !== unfit && refined(ast, ast, output) ? output : unfit
        }
      }
      const is = check(AST.typeAST(ast))
      const to = step(dropRefinements(ast.from), false)
      return (input) => is(input) ? to(input) : unfit
    }
    case "Declaration":
      return declared(ast, isDecoding)
    case "TypeLiteral":
      return struct(ast, isDecoding)
    case "Transformation":
      return transformed(ast, isDecoding)
    default:
      throw notDerived
  }
}

/** What is derived of a schema: `unfit` for what does not fit. Nothing when the schema is of a kind that is not derived. */
export const derivedOf = (schema: Schema.Schema.AnyNoContext) =>
  Either.getOrUndefined(derive(() => ({ decode: step(schema.ast, true), encode: step(schema.ast, false) })))

type Parse<B> = (input: unknown) => Either.Either<B, ParseResult.ParseError>

const first = <B>(fast: Step | undefined, slow: Parse<B>): Parse<B> =>
  fast === undefined ? slow : (input) => {
    const output = fast(input)
    return output === unfit ? slow(input) : Either.right(output as B)
  }

/** As `Schema.decodeUnknownEither`. */
export const decodeUnknownEither = <A, I>(
  schema: Schema.Schema<A, I>,
  options?: AST.ParseOptions
): Parse<A> => first(derivedOf(schema)?.decode, Schema.decodeUnknownEither(schema, options))

/** As `Schema.encodeUnknownEither`. */
export const encodeUnknownEither = <A, I>(schema: Schema.Schema<A, I>): Parse<I> =>
  first(derivedOf(schema)?.encode, Schema.encodeUnknownEither(schema))
