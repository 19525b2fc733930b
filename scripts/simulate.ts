import { runSeed } from './simulate/seed';
const main = async () => {
  const args = process.argv.slice(2);
  const trace = args.includes('--trace');
  const seed = Number(args[args.indexOf('--seed') + 1]);
  const to = args.includes('--to') ? Number(args[args.indexOf('--to') + 1]) : seed;
  for (let s = seed; s <= to; s++) {
    const cpu = process.cpuUsage();
    const r = await runSeed(s, trace ? { onTrace: console.log } : {});
    const { user, system } = process.cpuUsage(cpu);
    console.log(JSON.stringify({ ...r, violations: r.violations.slice(0, 4), cpu: Math.round((user + system) / 1000) }));
  }
};
main().then(() => process.exit(0), (e) => { console.error(e); process.exit(1); });
