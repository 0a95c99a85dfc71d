/** Why a VM has a VMM, or its instructions run so, where its owner asked for that. */
export const wasAskedFor = "it was asked for";
