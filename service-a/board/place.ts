import { postOrder } from './api.ts';
import { runBurst } from './burst.ts';
import { byId, element, setAttribute, setText } from './dom.ts';
import { countText } from './format.ts';
import { ProblemError, type Fault } from './http.ts';
import { anyOrder, example, fates, newOrderId, type NewOrder } from './orders-to-place.ts';
import { patiently } from './patience.ts';

/** Of the six connections that a browser has for one server one is the stream's and one is left for the rest. */
const CONCURRENCY = 4;
const BURST_MAX = 10_000;
const TRIES = 10;

const secondsText = (ms: number): string => `${Math.ceil(ms / 1_000)} s`;

/** Shows each fault at its field and returns those that belong to none. The first field at fault gets the focus. */
const showFaults = (form: HTMLFormElement, faults: readonly Fault[]): Fault[] => {
  const left = new Set(faults);
  let first: HTMLElement | undefined;
  for (const place of form.querySelectorAll<HTMLElement>('.fault')) {
    const here = faults.filter(({ path }) => path === place.dataset['path']);
    here.forEach((fault) => left.delete(fault));
    setText(place, here.map(({ message }) => message).join('; '));
    const field = form.querySelector<HTMLElement>(`[aria-describedby="${place.id}"]`);
    if (field === null) continue;
    setAttribute(field, 'aria-invalid', here.length > 0 ? 'true' : undefined);
    if (here.length > 0) first ??= field;
  }
  first?.focus();
  return [...left];
};

/** The form that places one order. */
export const createPlaceForm = (isKnown: (orderId: string) => boolean): void => {
  const form = byId('place', HTMLFormElement);
  const answer = byId('placed', HTMLElement);
  const button = form.querySelector('button')!;
  const input = (id: string): HTMLInputElement => byId(id, HTMLInputElement);
  const fate = byId('fate', HTMLSelectElement);

  for (const { orderId, name } of fates) fate.append(element('option', { value: orderId }, `${name} (…${orderId.slice(-4)})`));
  const [item] = example.items;
  const { userId: user, amount, currency } = example;
  const values = { user, amount, currency, product: item.productId, quantity: item.quantity, price: item.price };
  for (const [id, value] of Object.entries(values)) input(id).defaultValue = String(value);

  const read = (): NewOrder => ({
    orderId: fate.value === '' ? newOrderId() : fate.value,
    userId: input('user').value,
    // What is no number is sent as null: service-a says what is wrong with it.
    amount: input('amount').valueAsNumber,
    currency: input('currency').value,
    items: [{ productId: input('product').value, quantity: input('quantity').valueAsNumber, price: input('price').valueAsNumber }],
  });

  const place = async (order: NewOrder): Promise<void> => {
    const link = element('a', { href: `#${order.orderId}` }, order.orderId);
    const known = isKnown(order.orderId);
    const { signal } = new AbortController();
    try {
      const status = await patiently(() => postOrder(order, signal), {
        signal, tries: TRIES, onWait: (ms) => setText(answer, `No room at the moment: posted again in ${secondsText(ms)} …`),
      });
      showFaults(form, []);
      if (known || status !== 'pending') answer.replaceChildren('This order was placed before, so it is answered again: ', link, ` is ${status}.`);
      else answer.replaceChildren('Accepted: ', link);
    } catch (error) {
      const faults = error instanceof ProblemError ? error.faults : [];
      const left = showFaults(form, faults);
      const detail = error instanceof Error ? error.message : String(error);
      answer.replaceChildren([detail, ...left.map(({ path, message }) => `${path}: ${message}`)].join(' '));
      if (error instanceof ProblemError && error.status === 409) answer.append(' It is ', link);
    }
  };

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (button.getAttribute('aria-disabled') === 'true') return;
    setAttribute(button, 'aria-disabled', 'true');
    setText(answer, '');
    void place(read()).finally(() => setAttribute(button, 'aria-disabled', undefined));
  });
};

/** The form that places many orders at once. */
export const createBurstForm = (): void => {
  const form = byId('burst', HTMLFormElement);
  const count = byId('count', HTMLInputElement);
  const fault = byId('count-fault', HTMLElement);
  const go = byId('burst-go', HTMLButtonElement);
  const progress = byId('burst-progress', HTMLProgressElement);
  const answer = byId('burst-answer', HTMLElement);
  let running: AbortController | undefined;

  const run = async (total: number, signal: AbortSignal): Promise<void> => {
    let accepted = 0;
    let waits = '';
    const show = (): void => {
      progress.value = accepted;
      setText(answer, `${countText(accepted)} of ${countText(total)} accepted${waits}`);
    };
    const task = async (): Promise<void> => {
      const order = anyOrder();
      await patiently(() => postOrder(order, signal), {
        signal, onWait: (ms) => {
          waits = `; service-a is busy or away, posting again in ${secondsText(ms)}`;
          show();
        },
      });
      accepted += 1;
      waits = '';
      show();
    };
    const startedAt = performance.now();
    progress.max = total;
    show();
    try {
      await runBurst({ count: total, concurrency: CONCURRENCY, task });
      setText(answer, `${countText(total)} accepted in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
    } catch (error) {
      const reason = signal.aborted ? 'stopped' : error instanceof Error ? error.message : String(error);
      setText(answer, `${countText(accepted)} of ${countText(total)} accepted: ${reason}`);
    }
  };

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (running !== undefined) {
      running.abort();
      return;
    }
    const total = count.valueAsNumber;
    const valid = Number.isInteger(total) && total >= 1 && total <= BURST_MAX;
    setText(fault, valid ? '' : `A whole number from 1 to ${countText(BURST_MAX)}`);
    setAttribute(count, 'aria-invalid', valid ? undefined : 'true');
    if (!valid) {
      count.focus();
      return;
    }
    running = new AbortController();
    progress.hidden = false;
    setText(go, 'Stop');
    void run(total, running.signal).finally(() => {
      running = undefined;
      progress.hidden = true;
      setText(go, 'Place them');
    });
  });
};
