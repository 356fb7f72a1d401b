/**
 * An OpenAI-compatible chat endpoint on a free port of this machine: it thinks for a moment, answers, and says what it used. The
 * same question always gets the same answer, in the same time.
 */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { decode } from "gpt-tokenizer/encoding/o200k_base"
import { loopbackServer } from "./loopback.js"
import { promptTokens, tokensOf } from "./prices.js"

const ChatRequest = Schema.Struct({
  model: Schema.String,
  messages: Schema.NonEmptyArray(Schema.Struct({ role: Schema.String, content: Schema.String })),
  max_tokens: Schema.Int.pipe(Schema.positive())
})

const sentence =
  "It depends on what you mean, but the short answer is that several things happen at once and the order matters. "

/** Two to five sentences. */
const answerTo = (prompt: string): ReadonlyArray<number> =>
  tokensOf(sentence.repeat(2 + Math.abs(Hash.string(prompt)) % 4))

/** Longer answers take longer. */
const thinking = (prompt: string, tokens: number): number =>
  250 + tokens * 7 + Math.abs(Hash.string(`${prompt} ${tokens}`)) % 300

const chat = Effect.gen(function*() {
  const { max_tokens, messages, model } = yield* HttpServerRequest.schemaBodyJson(ChatRequest)
  const prompt = messages.map(({ content }) => content).join("\n")
  const wanted = answerTo(prompt)
  const answer = wanted.slice(0, max_tokens)
  yield* Effect.sleep(thinking(prompt, answer.length))
  const prompt_tokens = promptTokens(prompt)
  return yield* HttpServerResponse.json({
    object: "chat.completion",
    model,
    choices: [{
      index: 0,
      message: { role: "assistant", content: decode(answer) },
      finish_reason: answer.length < wanted.length ? "length" : "stop"
    }],
    usage: { prompt_tokens, completion_tokens: answer.length, total_tokens: prompt_tokens + answer.length }
  })
}).pipe(
  Effect.catchTags({
    ParseError: () => badRequest("the body is not a chat request"),
    RequestError: () => badRequest("the body cannot be read")
  })
)

const badRequest = (message: string) =>
  HttpServerResponse.json({ error: { message, type: "invalid_request_error" } }, { status: 400 })

/** Where the model listens. */
export class ModelUrl extends Context.Tag("demo/ModelUrl")<ModelUrl, string>() {}

const serve = HttpRouter.empty.pipe(
  HttpRouter.post("/v1/chat/completions", chat),
  HttpServer.serve()
)

export const ModelLive: Layer.Layer<ModelUrl> = Layer.effect(
  ModelUrl,
  HttpServer.addressFormattedWith(Effect.succeed)
).pipe(
  Layer.merge(serve),
  Layer.provide(loopbackServer())
)
