/** Where KVM is known to run guests, as in a lab: there a test that would do without it fails. */
export const mustHaveKvm = process.env["BANGER_TEST_KVM"] !== undefined;
