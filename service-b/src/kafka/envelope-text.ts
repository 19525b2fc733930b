const HEADERS = ',"originalHeaders":[[';
/** Below this, reading all of it costs less than looking. */
const LARGE_CHARACTERS = 65_536;

/**
 * A dead letter's text without the headers of its original. They can be most of it, half a million of them, and stand last where service-b
 * wrote it. Quotes within texts are escaped, so what is found there is a field; where it is one of the original, or not the last, what is
 * left is no dead letter, and the whole has to be read.
 * @returns undefined when there is nothing to leave out
 */
export const withoutOriginalHeaders = (text: string): string | undefined => {
  const at = text.length < LARGE_CHARACTERS ? -1 : text.lastIndexOf(HEADERS);
  return at < 0 ? undefined : `${text.slice(0, at)}}`;
};
