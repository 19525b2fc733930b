const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const money = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 4 });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

export const nothing = '–';

export const countText = (count: number): string => whole.format(count);

/** A rate: below 10 with a tenth, above without. */
export const rateText = (perSecond: number): string => (perSecond < 10 ? tenth : whole).format(perSecond);

export const amountText = ({ amount, currency }: { amount: number; currency: string }): string => `${money.format(amount)} ${currency}`;

/** The time of day; `at` is an instant in milliseconds. */
export const timeText = (at: number): string => clock.format(at);

/** Day and time of day of an ISO 8601 text. */
export const momentText = (iso: string): string => {
  const at = Date.parse(iso);
  return `${day.format(at)}, ${clock.format(at)}`;
};

/** A duration in milliseconds, in at most two units. */
export const durationText = (ms: number | undefined): string => {
  if (ms === undefined) return nothing;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor(ms / 1_000) % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
};
