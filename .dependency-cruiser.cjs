// Dependencies point inward: index -> app, routes, kafka, store -> processors -> plain data; utils know nothing of orders. Imports of types
// count: who knows a type knows the part that it belongs to. `npm run lint` checks it, scripts/test/layers.test.ts that it can be red.

const inside = '^service-[ab]/src/';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circle', severity: 'error', comment: 'Of two parts that know each other neither is understood alone.',
      from: {}, to: { circular: true },
    },
    {
      name: 'utils-know-utils-alone', severity: 'error', comment: 'What is of use to any service knows nothing of this one.',
      from: { path: `${inside}utils/` }, to: { path: inside, pathNot: `${inside}utils/` },
    },
    {
      name: 'processors-know-no-edge', severity: 'error', comment: 'What a record means does not depend on how it came, where it is held, or who logs it.',
      from: { path: `${inside}processors/` },
      to: { path: [inside, 'node_modules/(?:kafkajs|express|pg)/'], pathNot: `${inside}(?:processors|utils(?!/logger))/` },
    },
    {
      name: 'kafka-knows-no-other-edge', severity: 'error', comment: 'What it needs of a store is a port in processors/.',
      from: { path: `${inside}kafka/` }, to: { path: `${inside}(?:routes|store|sources)/|node_modules/(?:express|pg)/` },
    },
    {
      name: 'store-knows-no-other-edge', severity: 'error', comment: 'Who reads the log for it is for sources/ to say.',
      from: { path: `${inside}store/` }, to: { path: `${inside}(?:routes|kafka|sources)/|node_modules/(?:express|kafkajs)/` },
    },
    {
      name: 'routes-know-no-other-edge', severity: 'error', comment: 'HTTP asks processors and ports, so that no test of it needs a broker or a database.',
      from: { path: '^service-a/src/routes/' }, to: { path: `${inside}(?:kafka|store|sources)/|node_modules/(?:kafkajs|pg)/` },
    },
    {
      name: 'nobody-knows-the-whole', severity: 'error', comment: 'The composition root knows all parts, and none of them knows it.',
      from: { path: inside }, to: { path: `${inside}index\\.ts$` },
    },
  ],
  options: { tsPreCompilationDeps: true, doNotFollow: { path: 'node_modules' } },
};
