import { boundGateway } from './bound-gateway';
import type { Gateway } from './gateway';
import { createHttpGateway, type Unexpected } from './http-gateway';
import { createSimulatedGateway, type Fate } from './simulated-gateway';

export type GatewaySettings = Fate & {
  /** Base address of a provider; without one it is simulated. */
  url: string | undefined;
  /** Of each call of the simulation. */
  latencyMs: number;
  /** Deadline of a call, from when it has its place among the `concurrency` that may be under way. */
  timeoutMs: number;
  concurrency: number;
  onUnexpected: (answer: Unexpected) => void;
};

/**
 * The one place to plug in: another provider is a `Gateway` that stands here in the place of the HTTP client.
 * @returns a gateway that never throws, always answers, and rejects only when its signal aborts
 */
export const createGateway = ({ url, latencyMs, timeoutMs, concurrency, onUnexpected, ...fate }: GatewaySettings): Gateway => {
  const simulated = createSimulatedGateway({ ...fate, latencyMs });
  // A pure function that answers at once needs no bounds, and every order would pay for them.
  if (url === undefined && latencyMs === 0) return simulated;
  return boundGateway({ gateway: url === undefined ? simulated : createHttpGateway({ url, onUnexpected }), timeoutMs, concurrency });
};
