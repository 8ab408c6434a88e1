// The real one: signed-in readers, a bigger database with PgBouncer, backups in two regions.
using 'main.bicep'

param environmentName = 'prod'
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
param databaseAdministrator = {
  objectId: readEnvironmentVariable('DATABASE_ADMIN_ID')
  principalName: readEnvironmentVariable('DATABASE_ADMIN_NAME')
  principalType: readEnvironmentVariable('DATABASE_ADMIN_TYPE', 'User')
}
param size = 'large'
param apiAccess = 'entra'
param apiClientId = readEnvironmentVariable('EVENTSTAC_API_CLIENT_ID')
param apiAlwaysReady = 1
param pipelineAlwaysReady = 1
param pgBouncer = true
param backupDays = 30
param geoRedundantBackup = true
param highAvailability = true
param storageRedundancy = 'Standard_ZRS'
param alertMail = [readEnvironmentVariable('EVENTSTAC_ALERT_MAIL')]
param logDays = 90
param logDailyCapGB = 10
