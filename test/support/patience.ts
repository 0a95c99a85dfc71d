/** How many times longer than on a usual host everything may take: a lab, whose host is emulated, says so. */
export const patience = Number(process.env["BANGER_TEST_PATIENCE"] ?? 1);
