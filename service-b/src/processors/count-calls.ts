import type { Gateway } from './gateway';

/** A gateway that knows how many calls are under way, or wait for their place. One that answers at once has none. */
export const countCalls = (gateway: Gateway): { gateway: Gateway; open: () => number } => {
  let open = 0;
  const end = (): void => {
    open -= 1;
  };
  return {
    gateway: (request, signal) => {
      const answer = gateway(request, signal);
      if (answer instanceof Promise) {
        open += 1;
        answer.then(end, end);
      }
      return answer;
    },
    open: () => open,
  };
};
