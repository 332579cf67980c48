import js from '@eslint/js';
import tseslint from 'typescript-eslint';

// What the compiler cannot refuse. How files may import each other is checked by test/architecture.test.ts.
export default tseslint.config(
  { ignores: ['**/node_modules/**', '.platform/**', 'packages/contracts/src/generated/**'] },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      // An async function without await is how a synchronous implementation keeps an asynchronous interface.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Export by name: a name is found by searching for it.' },
        {
          selector: 'TSEnumDeclaration',
          message: 'Use a union or an `as const` object: Node strips types and cannot run an enum.',
        },
      ],
      // Our objects are closures and have no `this`, so their methods may be handed on.
      '@typescript-eslint/unbound-method': 'off',
      eqeqeq: 'error',
    },
  },
  {
    // Configuration files have to export by default, and are not part of the TypeScript project.
    files: ['**/*.mjs', '**/*.d.mts'],
    ...tseslint.configs.disableTypeChecked,
    rules: { ...tseslint.configs.disableTypeChecked.rules, 'no-restricted-syntax': 'off', 'no-undef': 'off' },
  },
);
