/**
 * An OpenAI-compatible chat endpoint on a free port of this machine: it thinks for a moment, answers, and says what it used.
 */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import { countTokens, decode, encode } from "gpt-tokenizer/encoding/o200k_base"
import { createServer } from "node:http"

const ChatRequest = Schema.Struct({
  model: Schema.String,
  messages: Schema.Array(Schema.Struct({ role: Schema.String, content: Schema.String })),
  max_tokens: Schema.Int
})

const sentence =
  "It depends on what you mean, but the short answer is that several things happen at once and the order matters. "

const chat = Effect.gen(function*() {
  const { max_tokens, messages, model } = yield* HttpServerRequest.schemaBodyJson(ChatRequest)
  yield* Effect.flatMap(Random.nextIntBetween(150, 600), (ms) => Effect.sleep(ms))
  const wanted = encode(sentence.repeat(yield* Random.nextIntBetween(2, 7)))
  const answer = wanted.slice(0, max_tokens)
  const prompt_tokens = messages.reduce((n, { content }) => n + countTokens(content), 0)
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
})

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
  Layer.provide(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
  Layer.orDie
)
