/**
 * Text that a stranger wrote, made harmless to a terminal: control and format characters (escape sequences, reversed
 * writing, line breaks) are shown and not obeyed.
 */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}

/** JSON for machines; bigint as a number where that is exact. */
export function toJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, inner: unknown) => {
      if (typeof inner !== 'bigint') return inner;
      const number = Number(inner);
      return Number.isSafeInteger(number) ? number : inner.toString();
    },
    2,
  );
}
