/**
 * The parts that a schema is read into, to derive something from it.
 */
import * as Option from "effect/Option"
import * as AST from "effect/SchemaAST"
import { guardOf } from "./plain.js"

export const unfit: unique symbol = Symbol("effect-cycles/unfit")

/** Gives a value, or `unfit`. */
export type Step = (input: unknown) => unknown

type Check = (input: unknown) => boolean

/** Thrown while a schema is read: it is of a kind that is not derived. */
const notDerived = Symbol("effect-cycles/notDerived")

export const refuse = (): never => {
  throw notDerived
}

/** Nothing when a part is of a kind that is not derived. */
export const derive = <A>(make: () => A): A | undefined => {
  try {
    return make()
  } catch (error) {
    if (error === notDerived) return undefined
    throw error
  }
}

export type Fields = { readonly [name: PropertyKey]: unknown }

export const isRecord = (input: unknown): input is Fields =>
  typeof input === "object" && input !== null && !Array.isArray(input)

/** Whether a member is there that may be left out. */
export const has = (input: Fields, name: PropertyKey): boolean => Object.prototype.hasOwnProperty.call(input, name)

const simpleCheck: { readonly [Tag in AST.AST["_tag"]]?: (ast: never) => Check } = {
  UndefinedKeyword: () => (input) => input === undefined,
  StringKeyword: () => (input) => typeof input === "string",
  NumberKeyword: () => (input) => typeof input === "number",
  BooleanKeyword: () => (input) => typeof input === "boolean",
  BigIntKeyword: () => (input) => typeof input === "bigint",
  UnknownKeyword: () => () => true
}

/** The values of a literal, and of a union of nothing else. */
export const literalsOf = (ast: AST.AST): ReadonlyArray<unknown> | undefined => {
  const types: ReadonlyArray<AST.AST> = AST.isUnion(ast) ? ast.types : [ast]
  return types.every(AST.isLiteral) ? types.map(({ literal }) => literal) : undefined
}

/** The check of a kind that has no parts, and of a union of literals. */
export const simple = (ast: AST.AST): Check | undefined => {
  const literals = literalsOf(ast)
  return literals === undefined ? simpleCheck[ast._tag]?.(ast as never) : (input) => literals.indexOf(input) >= 0
}

/** The members of a union exclude each other when all but one are simple: then their order does not matter. */
export const members = <A>({ types }: AST.Union, of: (ast: AST.AST) => A): ReadonlyArray<A> =>
  types.filter((type) => simple(type) === undefined).length > 1 ? refuse() : types.map(of)

export const itemOf = ({ elements, rest }: AST.TupleType): AST.AST => {
  const [item, ...more] = rest
  return item === undefined || more.length > 0 || elements.length > 0 ? refuse() : item.type
}

/** The type of the members that have no name of their own. */
export const openOf = ({ indexSignatures }: AST.TypeLiteral): AST.AST | undefined => {
  const [open, ...more] = indexSignatures
  return more.length > 0 || (open !== undefined && !AST.isStringKeyword(open.parameter)) ? refuse() : open?.type
}

export const named = ({ propertySignatures }: AST.TypeLiteral): ReadonlyArray<AST.PropertySignature> =>
  propertySignatures.some(({ name }) => typeof name === "symbol") ? refuse() : propertySignatures

export const refined = (ast: AST.Refinement, value: unknown): boolean =>
  Option.isNone(ast.filter(value, AST.defaultParseOption, ast))

/** What a part that is run as it is has answered. */
export const rightOf = (answer: unknown): unknown => {
  const { _tag, right } = answer as { readonly _tag?: unknown; readonly right?: unknown }
  return _tag === "Right" ? right : unfit
}

/** A part of a schema that is run as it is. What takes time is not ours. */
export type Run<Self> = (input: unknown, options: AST.ParseOptions, self: Self, original?: unknown) => unknown

export const declared = (ast: AST.Declaration, isDecoding: boolean): Step => {
  const is = guardOf(ast)
  if (is !== undefined) return (input) => is(input) ? input : unfit
  const parse: Run<AST.Declaration> = isDecoding
    ? ast.decodeUnknown(...ast.typeParameters)
    : ast.encodeUnknown(...ast.typeParameters)
  return (input) => rightOf(parse(input, AST.defaultParseOption, ast))
}
