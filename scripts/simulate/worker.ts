import { runSeed } from './seed';

process.on('message', (seed: number) => {
  runSeed(seed).then((outcome) => process.send?.(outcome), (error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
