import effect from "@effect/eslint-plugin"
import sortDestructureKeys from "eslint-plugin-sort-destructure-keys"
import tseslint from "typescript-eslint"

const look = {
  indentWidth: 2,
  lineWidth: 120,
  semiColons: "asi",
  quoteStyle: "alwaysDouble",
  trailingCommas: "never",
  operatorPosition: "maintain",
  "arrowFunction.useParentheses": "force"
}

const noSpreadPush = {
  selector: "CallExpression[callee.property.name='push'] > SpreadElement.arguments",
  message: "Do not spread into push: a long array overflows the stack"
}

export default tseslint.config(
  { basePath: "..", ignores: ["dist/**", ".results/**", "node_modules/**"] },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    basePath: "..",
    files: ["**/*.ts", "**/*.mjs"],
    extends: [tseslint.configs.recommended, effect.configs.dprint],
    plugins: { "sort-destructure-keys": sortDestructureKeys },
    rules: {
      "@effect/dprint": ["error", { config: look }],
      "@typescript-eslint/array-type": ["error", { default: "generic", readonly: "generic" }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-explicit-any": "error",
      // An empty interface that names an inferred type is the Effect way to keep error messages short.
      "@typescript-eslint/no-empty-object-type": ["error", { allowInterfaces: "with-single-extends" }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "no-restricted-syntax": ["error", noSpreadPush],
      "object-shorthand": "error",
      "prefer-const": "error",
      // A generator that only fails or returns has no yield.
      "require-yield": "off",
      "sort-destructure-keys/sort-destructure-keys": "error"
    }
  },
  {
    basePath: "..",
    files: ["src/**/*.ts"],
    rules: {
      "max-lines": ["warn", { max: 300 }],
      "max-lines-per-function": ["warn", { max: 60 }],
      "no-restricted-syntax": [
        "error",
        noSpreadPush,
        { selector: "ExportDefaultDeclaration", message: "No default export" }
      ]
    }
  },
  {
    basePath: "..",
    files: ["test/**/*.ts"],
    rules: {
      "no-restricted-imports": ["error", {
        paths: ["vitest", "@effect/vitest"].map((name) => ({
          name,
          importNames: ["vi", "expect"],
          message: "Use assert, layers and TestClock"
        }))
      }]
    }
  }
)
