export function explorer() {}
export function explorers() {}
