export const reportFormats = ['markdown', 'html', 'json'] as const;
export type ReportFormat = (typeof reportFormats)[number];
