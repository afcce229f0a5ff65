/** Told as a long work goes on: which step it is at, and what part of that is done, from 0 to 1, where it is known. */
export type Progress = (step: string, part?: number) => void;
