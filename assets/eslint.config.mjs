import js from "@eslint/js";
import globals from "globals";

const strict = {
  eqeqeq: "error",
  "no-var": "error",
  "prefer-const": "error",
  "no-shadow": "error",
  "no-implicit-coercion": "error",
  "no-unused-expressions": ["error", { allowShortCircuit: true }],
  "max-lines": ["error", { max: 220, skipBlankLines: true, skipComments: true }],
  "max-lines-per-function": ["error", { max: 130, skipBlankLines: true, skipComments: true }],
  complexity: ["error", 14],
};

export default [
  { ignores: ["vendor/**", "node_modules/**"] },
  js.configs.recommended,
  { files: ["modules/**/*.mjs"], languageOptions: { globals: globals.browser }, rules: strict },
  { files: ["boot.js"], languageOptions: { globals: globals.browser, sourceType: "script" }, rules: strict },
  { files: ["eslint.config.mjs", "**/*.test.mjs"], languageOptions: { globals: globals.node } },
];
