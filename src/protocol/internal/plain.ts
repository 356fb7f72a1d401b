/**
 * Schemas whose own functions remain known, so that whoever derives something from the schema calls them as they are: a guard, a pair of
 * functions that cannot fail, a class, a text that comes again and again.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"

const GuardId = Symbol.for("effect-cycles/guard")
const CommonId = Symbol.for("effect-cycles/common")
const PairId = Symbol.for("effect-cycles/pair")

type Guard = (input: unknown) => boolean

interface Pair {
  readonly decode: (from: never) => unknown
  readonly encode: (to: never) => unknown
}

/** As `Schema.declare`. */
export const declare = <A>(is: (input: unknown) => input is A, annotations: Schema.Annotations.Schema<A>) =>
  Schema.declare(is, { ...annotations, [GuardId]: is })

/** As `Schema.transform`. */
export const transform = <A, I, B, J>(
  from: Schema.Schema<A, I>,
  to: Schema.Schema<B, J>,
  pair: { readonly decode: (from: A) => J; readonly encode: (to: J) => A }
) => Schema.transform(from, to, { strict: true, ...pair }).annotations({ [PairId]: pair })

/** A text that many answers have in common: whoever derives something from the schema keeps one of each. */
export const commonText: Schema.Schema<string> = Schema.String.annotations({ [CommonId]: true })

export const isCommon = (ast: AST.AST): boolean => Option.isSome(AST.getAnnotation(ast, CommonId))

export const guardOf = (ast: AST.Declaration): Guard | undefined =>
  Option.getOrUndefined(AST.getAnnotation<Guard>(ast, GuardId))

export const pairOf = (ast: AST.Transformation): Pair | undefined =>
  Option.getOrUndefined(AST.getAnnotation<Pair>(ast, PairId))

export type Class = new(members: unknown, options: true) => object

const classes = new WeakMap<AST.AST, Class>()

/** Says whose schema this is: one that makes an instance of the members and nothing else. */
export const ofClass = (ast: AST.AST, known: Class): AST.AST => {
  classes.set(ast, known)
  return ast
}

export const classOf = (ast: AST.AST): Class | undefined => classes.get(ast)
