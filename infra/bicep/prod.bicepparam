// The real one: signed-in readers, a bigger database with PgBouncer, backups in two regions.
using 'main.bicep'

param environmentName = 'prod'
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
// Who sets up the catalog also looks after it and runs the smoke test.
var who = {
  objectId: readEnvironmentVariable('DATABASE_ADMIN_ID')
  principalName: readEnvironmentVariable('DATABASE_ADMIN_NAME')
  principalType: readEnvironmentVariable('DATABASE_ADMIN_TYPE', 'User')
}
param databaseAdministrator = who
param operator = who
// `none`: it sets up the database from inside Azure, whose addresses are let in anyhow.
var address = readEnvironmentVariable('EVENTSTAC_ADDRESS', '')
param operatorAddress = address == 'none' ? '' : address
param size = 'large'
param apiAccess = 'entra'
param apiClientId = readEnvironmentVariable('EVENTSTAC_API_CLIENT_ID')
param apiAlwaysReady = 1
param pipelineAlwaysReady = 1
param pgBouncer = true
param databaseGB = int(readEnvironmentVariable('EVENTSTAC_DATABASE_GB', '0'))
param backupDays = 30
param geoRedundantBackup = true
param highAvailability = true
param storageRedundancy = 'Standard_ZRS'
param alertMail = map(split(readEnvironmentVariable('EVENTSTAC_ALERT_MAIL'), ','), address => trim(address))
param logDays = 90
param logDailyCapGB = 10
