/** The preferences of a list, and within quotes no comma ends one; a quote that is never closed takes the rest. */
const PREFERENCE = /(?:[^,"]|"(?:[^"\\]|\\.)*(?:"|\\?$))+/g;
const WAIT = /^\s*wait\s*=\s*(?:"(\d+)"|(\d+))\s*(?:;|$)/i;
const NAMED_WAIT = /^\s*wait\s*(?:[=;]|$)/i;
const WAIT_MAX_SECONDS = 30;

/**
 * The seconds of the preference `wait` (RFC 7240), at most 30. Of several the first one counts.
 * @returns undefined when there is none, or none that can be understood
 */
export const preferredWait = (header: string | undefined): number | undefined => {
  const wait = header?.match(PREFERENCE)?.find((preference) => NAMED_WAIT.test(preference));
  const [, quoted, plain] = WAIT.exec(wait ?? '') ?? [];
  const seconds = quoted ?? plain;
  return seconds === undefined ? undefined : Math.min(Number(seconds), WAIT_MAX_SECONDS);
};
