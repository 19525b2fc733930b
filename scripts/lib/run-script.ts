/** Runs a script and ends the process: with the exit code if `main` resolves to one, else 0; with 1 and the reason when it fails. */
export const runScript = (main: () => Promise<unknown>): void => {
  main().then((code) => process.exit(typeof code === 'number' ? code : 0), (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  });
};
