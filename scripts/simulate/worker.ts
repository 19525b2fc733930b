import { runSeed } from './seed';

process.on('message', (seed: number) => {
  runSeed(seed).then((outcome) => process.send?.(outcome), (error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});

// Whatever a seed may have left behind.
process.on('disconnect', () => process.exit(0));
