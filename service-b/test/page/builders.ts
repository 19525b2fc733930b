import type { LetterPage } from '../../page/api.ts';
import type { Letter } from '../../page/letter.ts';
import type { Redrive } from '../../page/redrive.ts';

/** A dead letter as the API lists it. */
export const aLetter = (number = 0, differences: Partial<Letter> = {}): Letter => ({
  position: `0:${number}`, failedAt: '2026-11-22T10:00:00.000Z', orderId: `order-${number}`, errorType: 'PaymentDeclinedError',
  errorMessage: 'payment gateway declined', retryCount: 0, redriveCount: 0, state: 'open', ...differences,
});

export const aPage = (letters: Letter[], differences: Partial<LetterPage> = {}): LetterPage => ({
  letters, next: undefined, total: letters.length, types: [], asOf: '2026-11-22T10:00:01.000Z', left: 0, cut: false, ...differences,
});

export const aRedrive = (differences: Partial<Redrive> = {}): Redrive => ({
  id: 'r-1', state: 'running', startedAt: '2026-11-22T11:00:00.000Z', chosen: 40, toPutBack: 38, putBack: 0,
  skipped: [{ reason: 'order is paid', count: 2 }], refused: [], paid: 0, failedAgain: 0, pending: 0, error: null, ...differences,
});
