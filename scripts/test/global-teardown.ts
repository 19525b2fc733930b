/** Takes away the broker of the tests, if the setup started it. */
export default async (): Promise<void> => {
  await globalThis.stopTestBroker?.();
};
