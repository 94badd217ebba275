// Run from the project's root, so that the tests beside assets/ are held to the same rules: `npm run lint`.
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
  { ignores: ["**/vendor/**", "**/node_modules/**"] },
  js.configs.recommended,
  { files: ["assets/modules/*.mjs"], languageOptions: { globals: globals.browser }, rules: strict },
  { files: ["assets/boot.js"], languageOptions: { globals: globals.browser, sourceType: "script" }, rules: strict },
  { files: ["assets/eslint.config.mjs", "tests/assets/*.test.mjs"], languageOptions: { globals: globals.node } },
];
