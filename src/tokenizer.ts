/**
 * A tokenizer that counts as the models of OpenAI do. Needs the package gpt-tokenizer.
 */
export * as GptTokenizer from "./usage/GptTokenizer.js"
