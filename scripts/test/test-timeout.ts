/** For every file of tests that start processes. Jest takes no notice of a project's own `testTimeout`. */
jest.setTimeout(60_000);
